//! A deterministic gossip simulator over real replicas
