//! What happens to the nodes and the network in the course of a run: joining, leaving, cuts,
//! crashes,
//! and what nodes write to their disks.

use crate::config::Clock;
use crate::engine::{Exchanged, Happening, Passage, Passed, Time};
use crate::error::SimError;
use crate::membership::Change;
use crate::report::EventKind;
use crate::run::Run;
use crate::world::{Away, Look};
use espalier_replica::Replica;
use espalier_topology::assign_parts;

impl Run<'_> {
    /// Late joiners join, and partitions begin and heal.
    pub(crate) fn join_and_split(&mut self, round: u32) -> Result<(), SimError> {
        if self.calm {
            return Ok(());
        }
        if self.config.late_joiners.is_some_and(|late| late.round == round) {
            let late: Vec<usize> = self.late.keys().rev().copied().collect();
            let late: Vec<_> =
                late.into_iter().filter(|i| !self.membership.absent.contains(i)).collect();
            for &i in &late {
                self.appear(i)?;
            }
            self.happened.push((EventKind::Join, late));
        }
        if let Some(split) = &self.config.partition {
            if split.rounds.start == round {
                let nodes = self.engine.peers.nodes.len();
                let parts = assign_parts(nodes, split.parts as usize, self.config.seed);
                self.engine.links.cut(Some((split.cut, parts)));
                self.engine.log.note(Happening::Cut, 0, 0, 0);
                self.happened.push((EventKind::Partition, Vec::new()));
            }
            if split.rounds.end == round {
                self.engine.links.cut(None);
                self.engine.log.note(Happening::Heal, 0, 0, 0);
                self.happened.push((EventKind::Heal, Vec::new()));
            }
        }
        Ok(())
    }

    /// Ends all faults between two rounds: the network heals, everybody comes or comes back, and
    /// neither crashes nor retractions nor training follow. Liars go on.
    pub(crate) fn calm(&mut self) -> Result<(), SimError> {
        let now = self.time_of(self.now + 1);
        self.engine.log.at(now);
        self.calm = true;
        self.membership.end();
        self.engine.calm();
        self.engine.log.note(Happening::Heal, 0, 0, 0);
        for i in 0..self.engine.peers.nodes.len() {
            let node = &mut self.engine.peers.nodes[i];
            match node.away {
                _ if node.active => {}
                Away::Down => self.restart(i),
                Away::Absent => self.appear(i)?,
                Away::Left => {
                    node.active = true;
                    self.come(i);
                    self.engine.log.note(Happening::Join, i, i, 0);
                }
            }
        }
        Ok(())
    }

    /// Lets a node that comes, or comes back, find its place in the broadcast trees, if there are
    /// any.
    pub(crate) fn come(&mut self, i: usize) {
        let timers = self.engine.peers.broadcast.as_mut().map(|trees| trees.come(i));
        for timer in timers.into_iter().flatten() {
            self.engine.set_timer(i, timer);
        }
    }

    /// A node that was not there yet comes with what it trained.
    fn appear(&mut self, i: usize) -> Result<(), SimError> {
        self.engine.peers.nodes[i].active = true;
        self.come(i);
        if let Some(model) = self.late.remove(&i) {
            self.contribute(i, model, 0)?;
        }
        self.persist_node(i);
        self.engine.log.note(Happening::Join, i, i, 0);
        Ok(())
    }

    /// How many nodes are up that may go down.
    fn up(&self) -> usize {
        let world = &self.engine.peers;
        let up = |i: &usize| world.nodes[*i].active && world.behaviour(*i).crashes();
        (0..world.nodes.len()).filter(up).count()
    }

    /// Crashes by chance, and the way back from them. The last node that is up and may crash does
    /// not: somebody has to be there.
    pub(crate) fn crash_and_restart(&mut self, round: u32) -> Vec<Exchanged<[Look; 2]>> {
        if self.calm {
            return Vec::new();
        }
        let mut up = self.up();
        let mut done = Vec::new();
        for i in 0..self.engine.peers.nodes.len() {
            if self.engine.peers.nodes[i].back == Some(round) {
                self.restart(i);
                up += 1;
            } else if self.engine.peers.nodes[i].active
                && self.engine.peers.behaviour(i).crashes()
                && self.dice.happens(self.config.crash)
                && up > 1
            {
                up -= 1;
                let back = round + 1 + self.dice.below(3) as u32;
                done.extend(self.crash(i));
                self.engine.peers.nodes[i].back = Some(back);
            }
        }
        done
    }

    /// Lets a node come or go. What cannot be, because it is so already or nobody would be left,
    /// does
    /// not happen.
    pub(crate) fn change(
        &mut self,
        now: Time,
        i: usize,
        change: Change,
    ) -> Result<Vec<Exchanged<[Look; 2]>>, SimError> {
        self.engine.log.at(now);
        let node = &self.engine.peers.nodes[i];
        let (active, away) = (node.active, node.away);
        let may_go = active && (self.up() > 1 || !self.engine.peers.behaviour(i).crashes());
        let mut done = Vec::new();
        match change {
            Change::Leave if may_go => {
                let node = &mut self.engine.peers.nodes[i];
                (node.active, node.away) = (false, Away::Left);
                done = self.engine.drop_mail_to(i);
                self.engine.log.note(Happening::Leave, i, i, 0);
                self.happened.push((EventKind::Leave, vec![i]));
            }
            Change::Join if !active && away == Away::Left => {
                self.engine.peers.nodes[i].active = true;
                self.come(i);
                self.engine.log.note(Happening::Join, i, i, 0);
                self.happened.push((EventKind::Join, vec![i]));
            }
            Change::Join if !active && away == Away::Absent => {
                self.appear(i)?;
                self.happened.push((EventKind::Join, vec![i]));
            }
            Change::Crash if may_go => done = self.crash(i),
            Change::Restart if !active && away == Away::Down => self.restart(i),
            Change::Leave if !active => {
                // It is down: it leaves when it is back, if chance wants it then.
                self.membership.go_on(now, i, Change::Join);
                return Ok(done);
            }
            _ => {}
        }
        self.membership.go_on(now, i, change);
        Ok(done)
    }

    /// A node loses power: what its disk had not synchronised is torn, and mail to it is gone.
    fn crash(&mut self, i: usize) -> Vec<Exchanged<[Look; 2]>> {
        let node = &mut self.engine.peers.nodes[i];
        (node.active, node.away) = (false, Away::Down);
        node.disk.tear(&mut self.tears);
        self.engine.log.note(Happening::Crash, i, i, 0);
        self.happened.push((EventKind::Crash, vec![i]));
        self.engine.drop_mail_to(i)
    }

    /// Brings a node back with what its disk holds; everything else it has forgotten.
    fn restart(&mut self, i: usize) {
        let node = &mut self.engine.peers.nodes[i];
        let state = node.disk.read(&self.policy, &self.engine.peers.arena);
        node.faces =
            vec![Replica::new(self.keys[i].clone(), state, self.config.exchange.of_replicas())];
        node.measured = Default::default();
        (node.active, node.back) = (true, None);
        self.engine.log.note(Happening::Restart, i, i, 0);
        self.engine.show(Passed { from: i, to: i, mark: 0, what: Passage::Restarted });
        self.happened.push((EventKind::Restart, vec![i]));
        self.engine.tell(i);
        self.come(i);
    }

    /// Own sequence numbers become durable before anybody else sees them; the rest of the state
    /// every second round, not for all nodes in the same one.
    pub(crate) fn persist(&mut self) {
        for i in 0..self.engine.peers.nodes.len() {
            // Who is down writes nothing any more.
            if self.engine.peers.nodes[i].active {
                self.persist_node(i);
            }
        }
    }

    fn persist_node(&mut self, i: usize) {
        let publishes = self.engine.peers.behaviour(i).publishes();
        let node = &mut self.engine.peers.nodes[i];
        for face in node.faces.iter_mut().filter(|_| publishes) {
            face.publish();
        }
        let broadcasts = self.engine.peers.broadcast.is_some();
        if !self.disks && !broadcasts && self.config.clock != Clock::None {
            return;
        }
        let own = node.state().last_seq(&node.id);
        let news = std::mem::replace(&mut node.own_seq, own) < own;
        if self.disks {
            let node = &mut self.engine.peers.nodes[i];
            let state = node.faces[0].state().clone();
            node.disk.write(&state);
            #[cfg(feature = "mutants")]
            let news = news && !crate::mutants::SimMutant::Unsynchronised.is_loose();
            if news || (self.now as usize + i).is_multiple_of(2) {
                node.disk.sync();
            }
        }
        if news {
            self.engine.tell(i);
            let timer = self.engine.peers.broadcast.as_mut().and_then(|trees| trees.news(i));
            timer.into_iter().for_each(|timer| self.engine.set_timer(i, timer));
        }
    }
}
