//! A node as Maelstrom sees it: requests are answered, gossip is passed on. Lines and ticks go in,
//! lines come out; no clock, no streams.

use super::member::Member;
use super::message::{Fields, GOSSIP, Gossip, Incoming, Refusal, body, line};
use super::output::Output;
use crate::args::Workload;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl Workload {
    fn name(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::GSet => "g-set",
        }
    }

    /// What a client may ask.
    fn requests(self) -> &'static str {
        match self {
            Self::Broadcast => "init, topology, broadcast, read",
            Self::GSet => "init, add, read",
        }
    }
}

/// The state machine.
#[derive(Debug)]
pub(super) struct Node {
    workload: Workload,
    /// Once it was told its name.
    member: Option<Member>,
}

impl Node {
    /// A node without a name.
    pub(super) fn new(workload: Workload) -> Self {
        Self { workload, member: None }
    }

    /// Lets a period pass.
    pub(super) fn tick(&mut self) -> Vec<Output> {
        let mut out = Vec::new();
        if let Some(member) = &mut self.member {
            member.tick(&mut out);
        }
        out
    }

    /// Takes a line of input. Whatever it is, the node goes on.
    pub(super) fn line(&mut self, text: &str) -> Vec<Output> {
        let incoming: Incoming = match serde_json::from_str(text) {
            Ok(incoming) => incoming,
            Err(error) => return vec![Output::Complaint(format!("not a message: {error}"))],
        };
        if let Some(member) = &self.member
            && member.name != incoming.dest
        {
            let dest = &incoming.dest;
            return vec![Output::Complaint(format!("{} got a message for {dest}", member.name))];
        }
        let mut out = Vec::new();
        if incoming.kind() == GOSSIP {
            self.gossip(incoming, &mut out);
        } else if incoming.body.contains_key("in_reply_to") {
            let (src, kind) = (&incoming.src, incoming.kind());
            out.push(Output::Complaint(format!("{src} replies `{kind}` to nothing")));
        } else {
            self.request(&incoming, &mut out);
        }
        out
    }

    fn gossip(&mut self, incoming: Incoming, out: &mut Vec<Output>) {
        let src = incoming.src;
        let Some(member) = &mut self.member else {
            // A peer that was named sooner. It asks again.
            return;
        };
        let Some(from) = member.peer(&src).filter(|_| src != member.name) else {
            out.push(Output::Complaint(format!(
                "{}: gossip from {src}, which is not a peer",
                member.name
            )));
            return;
        };
        match serde_json::from_value::<Gossip>(Value::Object(incoming.body)) {
            Ok(gossip) => member.receive(from, gossip, out),
            Err(error) => {
                let name = &member.name;
                out.push(Output::Complaint(format!("{name}: invalid gossip from {src}: {error}")));
            }
        }
    }

    /// Answers a client.
    fn request(&mut self, incoming: &Incoming, out: &mut Vec<Output>) {
        let (src, kind) = (&incoming.src, incoming.kind());
        let Some(id) = incoming.msg_id() else {
            let problem = format!("`{kind}` of {src} has no integer `msg_id` and gets no answer");
            out.push(Output::Complaint(problem));
            return;
        };
        // The reply goes out first.
        let mut gossip = Vec::new();
        let served = self.serve(kind, &incoming.body, &mut gossip);
        let mut reply = served.unwrap_or_else(|refusal| refusal.body());
        reply.insert("in_reply_to".to_owned(), id.clone());
        let own = self.member.as_ref().map_or(&incoming.dest, |member| &member.name);
        match line(own, src, &reply) {
            Ok(line) => out.push(Output::Line(line)),
            Err(error) => out.push(Output::Complaint(error.to_string())),
        }
        out.extend(gossip);
    }

    fn member(&mut self) -> Result<&mut Member, Refusal> {
        self.member.as_mut().ok_or(Refusal::NoName)
    }

    /// Carries a request out; the body of the reply.
    fn serve(
        &mut self,
        kind: &str,
        fields: &Fields,
        out: &mut Vec<Output>,
    ) -> Result<Fields, Refusal> {
        match (self.workload, kind) {
            (_, "init") => self.init(fields, out),
            (Workload::Broadcast, "topology") => {
                let topology = topology(fields)?;
                self.member()?.set_topology(&topology, out);
                Ok(body("topology_ok", []))
            }
            (Workload::Broadcast, "broadcast") => {
                self.member()?.add(element(fields, "broadcast", "message")?, out)?;
                Ok(body("broadcast_ok", []))
            }
            (Workload::Broadcast, "read") => {
                Ok(body("read_ok", [("messages", self.member()?.elements().into())]))
            }
            (Workload::GSet, "add") => {
                self.member()?.add(element(fields, "add", "element")?, out)?;
                Ok(body("add_ok", []))
            }
            (Workload::GSet, "read") => {
                Ok(body("read_ok", [("value", self.member()?.elements().into())]))
            }
            (workload, _) => {
                let (workload, known) = (workload.name(), workload.requests());
                Err(Refusal::Unknown { kind: kind.to_owned(), workload, known })
            }
        }
    }

    /// Gives the node its name. The same once more is the same request come twice.
    fn init(&mut self, fields: &Fields, out: &mut Vec<Output>) -> Result<Fields, Refusal> {
        let wrong = |field, right| Refusal::Field { kind: "init", field, right };
        let name = fields.get("node_id").and_then(Value::as_str);
        let name = name.ok_or_else(|| wrong("node_id", "a string"))?;
        let names = fields.get("node_ids").cloned().unwrap_or_default();
        let names: BTreeSet<String> =
            serde_json::from_value(names).map_err(|_| wrong("node_ids", "a list of strings"))?;
        if !names.contains(name) {
            return Err(wrong("node_ids", "a list with the node's own name in it"));
        }
        match &self.member {
            Some(member) if member.name != name || !member.knows(&names) => {
                return Err(Refusal::Named { name: member.name.clone() });
            }
            Some(_) => {}
            None => {
                let member = Member::new(name, &names);
                let member = member.ok_or_else(|| wrong("node_ids", "at most 2^20 names"))?;
                self.member.insert(member).begin(out);
            }
        }
        Ok(body("init_ok", []))
    }
}

fn element<'a>(
    fields: &'a Fields,
    kind: &'static str,
    field: &'static str,
) -> Result<&'a Value, Refusal> {
    fields.get(field).ok_or(Refusal::Field { kind, field, right: "any JSON value" })
}

fn topology(fields: &Fields) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
    let right = "an object of lists of node names";
    let wrong = Refusal::Field { kind: "topology", field: "topology", right };
    let topology = fields.get("topology").cloned().unwrap_or_default();
    serde_json::from_value(topology).map_err(|_| wrong)
}
