//! A run: set-up and rounds.

use crate::config::{Config, Family};
use crate::error::{SimError, flag};
use crate::family::Task;
use crate::harness::{Forgery, Harness};
use crate::measure_peers as measure;
use crate::report::EventKind;
use crate::seeds::{Dice, Seeds};
use crate::world::{Exchanged, Node, World};
use espalier_identity::{Digest, Keypair};
use espalier_replica::{Arena, Draft, MergeState, Policy, PolicySpec, Replica, Tensors};
use espalier_tensor::Model;
use espalier_topology::{Network, Order, RoundPlan, Schedule, assign_parts};
use rayon::prelude::*;

/// A run under way.
pub(crate) struct Run<'a> {
    config: &'a Config,
    pub(crate) task: Task,
    pub(crate) network: Network,
    plan: Option<RoundPlan>,
    pub(crate) policy: Policy,
    keys: Vec<Keypair>,
    pub(crate) world: World,
    forgery: Forgery,
    dice: Dice,
    /// What late nodes will contribute.
    late: Vec<(usize, Model)>,
    /// After this round nothing is scheduled any more.
    pub(crate) last_event: u32,
    pub(crate) happened: Vec<(EventKind, Vec<usize>)>,
    now: u32,
}

impl<'a> Run<'a> {
    /// Sets a run up, from a configuration that was checked; `training` hears when the nodes begin
    /// to train.
    pub(crate) fn new(
        config: &'a Config,
        harness: &Harness,
        training: &mut dyn FnMut(),
    ) -> Result<Self, SimError> {
        let seeds = Seeds(config.seed);
        let count = config.nodes as usize;
        let network = config.topology.build(count, config.seed)?;
        let scheduled = config.schedule == Schedule::Scheduled;
        let plan = scheduled.then(|| RoundPlan::new(&network, &config.topology));
        let task = Task::open(config)?;
        if config.retrain.is_some() && !task.retrains() {
            return Err(flag("--retrain", "a folder of finished models cannot be trained again"));
        }
        let arena = Arena::default();
        let base = task.base().map(|base| arena.put_model(base.clone()).root());
        // Only a file can have changed; elsewhere the comparison of reports shows the difference.
        if let (Family::Path(_), Some(expected), Some(found)) =
            (&config.model, config.base_root, base)
            && expected != found
        {
            return Err(SimError::BaseChanged { expected, found });
        }
        let key = |i| Keypair::from_seed(*seeds.key("node key", i as u64).as_bytes());
        let keys: Vec<_> = (0..count).into_par_iter().map(key).collect();
        let policy = agree(config, &task, &keys, base)?;
        let late = harness.late(config.late_joiners.map_or(0, |late| late.count as usize));

        training();
        let train = |i: usize| task.train(i, 0, None);
        let models: Vec<_> = (0..count).into_par_iter().map(train).collect::<Result<_, _>>()?;
        let alone: Vec<_> =
            models.par_iter().enumerate().map(|(i, model)| task.judge(i, model)).collect();
        let mut nodes = Vec::with_capacity(count);
        for (i, key) in keys.iter().enumerate() {
            let state = MergeState::with_arena(policy.clone(), arena.clone());
            nodes.push(Node {
                id: key.peer_id(),
                name: format!("node_{i}"),
                faces: vec![Replica::new(key.clone(), state, config.exchange)],
                active: !late.contains(&i),
                back: None,
                durable: Vec::new(),
                durable_seq: 0,
                measured: Default::default(),
                alone: alone[i],
            });
        }
        let keep_states = config.metrics.count(config.nodes) > 0 && config.nodes <= 256;
        let cast = harness.cast(config, &network);
        let world = World::new(nodes, cast, arena, config, seeds.rng("links", 0), keep_states);
        let last_event = last_event(config);
        let dice = seeds.rng("schedule", 0);
        let late = late.into_iter().rev().map(|i| (i, models[i].clone())).collect();
        let mut run = Self {
            config,
            task,
            network,
            plan,
            policy,
            keys,
            world,
            forgery: harness.forgery(),
            dice,
            late,
            last_event,
            happened: Vec::new(),
            now: 0,
        };
        run.contribute_all(models.into_iter().map(Some).collect(), &|_| None, 0)?;
        run.persist();
        Ok(run)
    }

    /// All active nodes contribute what they trained, or what the workshop makes of it. `start`
    /// knows from which model other than the base a node trained.
    fn contribute_all(
        &mut self,
        mut models: Vec<Option<Model>>,
        start: &dyn Fn(usize) -> Option<Model>,
        round: u64,
    ) -> Result<(), SimError> {
        let (task, policy) = (&self.task, &self.policy);
        let mislead = |i: usize| task.mislead(i, round, start(i).as_ref());
        self.forgery.forge(self.config, task, policy, round, &mut models, &mislead);
        for (i, model) in models.into_iter().enumerate() {
            if let Some(model) = model.filter(|_| self.world.nodes[i].active) {
                self.contribute(i, model, round)?;
            }
        }
        Ok(())
    }

    fn contribute(&mut self, i: usize, model: Model, round: u64) -> Result<(), SimError> {
        let name = self.world.nodes[i].name.clone();
        let draft = Draft { round, ..Draft::new(name, model).weight(self.task.weight(i)) };
        self.world.contribute(i, draft, self.task.base())?;
        Ok(())
    }

    pub(crate) fn round(&mut self, round: u32) -> Result<Vec<Exchanged>, SimError> {
        self.now = round;
        self.join_and_split(round)?;
        self.crash_and_restart(round);
        self.world.refill();
        self.act(round)?;
        let mut exchanges = self.world.begin_round(round);
        exchanges.extend(self.exchange(round));
        exchanges.extend(self.world.end_round());
        if self.config.attest {
            self.measure()?;
        }
        self.persist();
        Ok(exchanges)
    }

    /// Nodes that heard of nothing new in this round measure the contributions that they have not
    /// measured yet, and publish what is not neutral.
    fn measure(&mut self) -> Result<(), SimError> {
        let nodes = &self.world.nodes;
        let measure = |i: usize| {
            let measures = nodes[i].active && self.world.behaviour(i).measures();
            if measures { measure::peers(&nodes[i], i, &self.task) } else { None }
        };
        let said: Vec<_> = (0..nodes.len()).into_par_iter().map(measure).collect();
        for (node, said) in self.world.nodes.iter_mut().zip(said) {
            let Some(said) = said else { continue };
            node.say(|state, key| {
                // Another face of the node may not see everybody.
                let sees = |peer| state.visible().any(|e| e.op().op().author == peer);
                let values = said.values.iter().copied().filter(|(peer, ..)| sees(*peer));
                let values: Vec<_> = values.collect();
                state.attest_all(key, values).map(drop)
            })?;
            node.measured = said.measured;
        }
        Ok(())
    }

    fn join_and_split(&mut self, round: u32) -> Result<(), SimError> {
        if self.config.late_joiners.is_some_and(|late| late.round == round) {
            let late = std::mem::take(&mut self.late);
            let nodes = late.iter().map(|(i, _)| *i).collect();
            for (i, model) in late {
                self.world.nodes[i].active = true;
                self.contribute(i, model, 0)?;
                self.persist_node(i);
            }
            self.happened.push((EventKind::Join, nodes));
        }
        if let Some(split) = &self.config.partition {
            if split.rounds.start == round {
                let nodes = self.world.nodes.len();
                self.world.parts =
                    Some(assign_parts(nodes, split.parts as usize, self.config.seed));
                self.happened.push((EventKind::Partition, Vec::new()));
            }
            if split.rounds.end == round {
                self.world.parts = None;
                self.happened.push((EventKind::Heal, Vec::new()));
            }
        }
        Ok(())
    }

    /// The last node that is up and may crash does not: somebody has to be there.
    fn crash_and_restart(&mut self, round: u32) {
        let fragile = |world: &World, i: usize| world.behaviour(i).crashes();
        let all = 0..self.world.nodes.len();
        let up = |i: &usize| self.world.nodes[*i].active && fragile(&self.world, *i);
        let mut up = all.clone().filter(up).count();
        for i in all {
            if self.world.nodes[i].back == Some(round) {
                self.restart(i);
                up += 1;
                self.happened.push((EventKind::Restart, vec![i]));
            } else if self.world.nodes[i].active
                && fragile(&self.world, i)
                && self.dice.happens(self.config.crash)
                && up > 1
            {
                up -= 1;
                let node = &mut self.world.nodes[i];
                node.active = false;
                node.back = Some(round + 1 + self.dice.below(3) as u32);
                self.world.drop_mail_to(i);
                self.happened.push((EventKind::Crash, vec![i]));
            }
        }
    }

    /// Brings a node back with what was durable; everything else it has forgotten.
    fn restart(&mut self, i: usize) {
        let arena = self.world.arena.clone();
        let node = &mut self.world.nodes[i];
        let state = MergeState::from_bytes_in(&node.durable, arena)
            .expect("a node reads back what it wrote itself");
        node.faces = vec![Replica::new(self.keys[i].clone(), state, self.config.exchange)];
        (node.active, node.back) = (true, None);
    }

    /// Own sequence numbers become durable before anybody else sees them; the rest of the state
    /// every second round, not for all nodes in the same one.
    fn persist(&mut self) {
        for i in 0..self.world.nodes.len() {
            // Who is down writes nothing any more.
            if self.world.nodes[i].active {
                self.persist_node(i);
            }
        }
    }

    fn persist_node(&mut self, i: usize) {
        let publishes = self.world.behaviour(i).publishes();
        let node = &mut self.world.nodes[i];
        for face in node.faces.iter_mut().filter(|_| publishes) {
            face.publish();
        }
        if self.config.crash == 0.0 {
            return;
        }
        let own = node.state().frontier().0.get(&node.id).copied().unwrap_or(0);
        if own > node.durable_seq || (self.now as usize + i).is_multiple_of(2) {
            node.durable = node.state().to_bytes(Tensors::ByReference);
            node.durable_seq = own;
        }
    }

    /// Retractions, what nodes do of their own, and training anew.
    fn act(&mut self, round: u32) -> Result<(), SimError> {
        for retract in self.config.retract.iter().filter(|retract| retract.round == round) {
            let node = &mut self.world.nodes[retract.node as usize];
            let id = node.id;
            let own = |state: &MergeState| {
                let mut visible = state.visible();
                visible.find(|e| e.op().op().author == id).map(|e| e.op().op().dot())
            };
            let mut retracted = false;
            for face in node.faces.iter_mut().filter(|_| node.active) {
                if let Some(dot) = own(face.state()) {
                    face.change(|state, key| state.retract(key, dot))?;
                    retracted = true;
                }
            }
            if retracted {
                self.happened.push((EventKind::Retract, vec![retract.node as usize]));
            }
        }
        for i in 0..self.world.nodes.len() {
            if self.world.nodes[i].active {
                self.world.act(i, round)?;
            }
        }
        match self.config.retrain {
            Some(every) if round.is_multiple_of(every) => self.retrain(u64::from(round / every))?,
            _ => {}
        }
        self.persist();
        Ok(())
    }

    /// Every active node trains from the model it has merged and replaces its contribution.
    fn retrain(&mut self, training: u64) -> Result<(), SimError> {
        let nodes = &self.world.nodes;
        let states: Vec<MergeState> = nodes.iter().map(|node| node.state().clone()).collect();
        let start = |i: usize| states[i].resolve().ok();
        let train = |i: usize| -> Result<Option<Model>, SimError> {
            if !nodes[i].active {
                return Ok(None);
            }
            self.task.train(i, training, start(i).as_ref()).map(Some)
        };
        let models: Vec<_> =
            (0..nodes.len()).into_par_iter().map(train).collect::<Result<_, _>>()?;
        self.contribute_all(models, &start, training)
    }

    fn exchange(&mut self, round: u32) -> Vec<Exchanged> {
        let pairs = self.pairs(round);
        match self.config.order {
            Order::Sequential => pairs.iter().map(|&(a, b)| self.world.exchange(a, b)).collect(),
            Order::Synchronous => {
                let start: Vec<_> =
                    self.world.nodes.iter().map(|node| node.faces.clone()).collect();
                let apart = |&(a, b): &(usize, usize)| self.world.exchange_apart(a, b, &start);
                pairs.iter().map(apart).collect()
            }
        }
    }

    /// Who asks whom in this round.
    fn pairs(&mut self, round: u32) -> Vec<(usize, usize)> {
        if let Some(plan) = &self.plan {
            return plan.round(round as usize - 1).into_iter().flatten().collect();
        }
        let mut starters: Vec<usize> =
            (0..self.world.nodes.len()).filter(|&i| self.world.nodes[i].active).collect();
        self.dice.shuffle(&mut starters);
        let mut pairs = Vec::with_capacity(starters.len());
        for starter in starters {
            let degree = self.network.degree(starter);
            let choice = self.dice.below(degree.max(1));
            pairs.extend(self.network.neighbour(starter, choice).map(|peer| (starter, peer)));
        }
        pairs
    }
}

/// What the nodes agree on before they start.
fn agree(
    config: &Config,
    task: &Task,
    keys: &[Keypair],
    base: Option<Digest>,
) -> Result<Policy, SimError> {
    let policy = Policy::new(PolicySpec {
        strategy: config.strategy.clone(),
        parameters: config.parameters.clone(),
        base,
        schema: Some(task.schema()),
        seed: config.seed,
        constants: config.profile.constants(),
        roster: keys.iter().map(Keypair::peer_id).collect(),
    })?;
    if policy.strategy().needs_base() && base.is_none() {
        let name = policy.strategy().name();
        let problem = format!("{name} needs a base model: put base.safetensors into the folder");
        return Err(flag("--strategy", problem));
    }
    Ok(policy)
}

/// The last round in which something is scheduled to happen.
fn last_event(config: &Config) -> u32 {
    let late = config.late_joiners.map(|late| late.round);
    let heal = config.partition.as_ref().map(|split| split.rounds.end);
    let retract = config.retract.iter().map(|retract| retract.round);
    let retrain = config.retrain.map(|every| config.rounds - config.rounds % every);
    late.into_iter().chain(heal).chain(retract).chain(retrain).max().unwrap_or(0)
}
