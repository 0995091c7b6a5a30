//! Law harness, generators and snapshot settings for Espalier's own tests
