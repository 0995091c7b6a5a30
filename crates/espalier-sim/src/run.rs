//! A run: set-up and rounds.

use crate::config::{Clock, Config, Exchange, Family};
use crate::disk::Disk;
use crate::engine::{Engine, Exchanged, Happening, Listener, Population as _, Time};
use crate::error::{SimError, flag};
use crate::family::Task;
use crate::harness::{Forgery, Harness};
use crate::measure_peers as measure;
use crate::membership::Membership;
use crate::protocols::broadcast::Broadcast;
use crate::report::EventKind;
use crate::seeds::{Dice, Seeds};
use crate::world::{Away, Look, Node, World};
use espalier_identity::{Digest, Keypair};
use espalier_replica::{Arena, Draft, MergeState, Policy, PolicySpec, Replica};
use espalier_tensor::Model;
use espalier_topology::{Network, Order, RoundPlan, Schedule};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A run under way.
pub(crate) struct Run<'a> {
    pub(crate) config: &'a Config,
    pub(crate) task: Task,
    pub(crate) network: Network,
    plan: Option<RoundPlan>,
    pub(crate) policy: Policy,
    pub(crate) keys: Vec<Keypair>,
    pub(crate) engine: Engine<'a, World>,
    pub(crate) membership: Membership,
    forgery: Forgery,
    pub(crate) dice: Dice,
    /// What nodes will contribute that are not there yet.
    pub(crate) late: BTreeMap<usize, Model>,
    /// After this round nothing is scheduled any more.
    pub(crate) last_event: u32,
    pub(crate) happened: Vec<(EventKind, Vec<usize>)>,
    pub(crate) now: u32,
    /// Whether nodes may crash and so need their disks.
    pub(crate) disks: bool,
    /// How crashes tear disks.
    pub(crate) tears: Dice,
    /// Whether all faults are over.
    pub(crate) calm: bool,
}

impl<'a> Run<'a> {
    /// Sets a run up, from a configuration that was checked; `training` hears when the nodes begin
    /// to train.
    pub(crate) fn new(
        config: &'a Config,
        harness: &Harness,
        listener: Option<Listener<'a>>,
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
        let membership = Membership::open(config)?;
        let absent = |i: &usize| late.contains(i) || membership.absent.contains(i);

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
                faces: vec![Replica::new(key.clone(), state, config.exchange.of_replicas())],
                active: !absent(&i),
                away: if absent(&i) { Away::Absent } else { Away::Down },
                back: None,
                disk: Disk::default(),
                own_seq: 0,
                measured: Default::default(),
                alone: alone[i],
            });
        }
        let keep_states = config.metrics.count(config.nodes) > 0 && config.nodes <= 256;
        let cast = harness.cast(config, &network);
        let mut world = World::new(nodes, cast, arena, keep_states);
        world.broadcast = (config.exchange == Exchange::Broadcast)
            .then(|| Broadcast::new(config, &network, &world.ids));
        world.overlap = config.clock != Clock::Rounds;
        let engine = Engine::new(world, config, listener)?;
        let last_event = last_event(config).max(rounds_until(membership.last, config));
        let dice = seeds.rng("schedule", 0);
        let late = (0..count).filter(absent).map(|i| (i, models[i].clone())).collect();
        let mut run = Self {
            config,
            task,
            network,
            plan,
            policy,
            keys,
            engine,
            membership,
            forgery: harness.forgery(),
            dice,
            late,
            last_event,
            happened: Vec::new(),
            now: 0,
            disks: config.may_crash(),
            tears: seeds.rng("tears", 0),
            calm: false,
        };
        for i in 0..count {
            if run.engine.peers.nodes[i].active {
                run.come(i);
            }
        }
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
            if let Some(model) = model.filter(|_| self.engine.peers.nodes[i].active) {
                self.contribute(i, model, round)?;
            }
        }
        Ok(())
    }

    pub(crate) fn contribute(
        &mut self,
        i: usize,
        model: Model,
        round: u64,
    ) -> Result<(), SimError> {
        let name = self.engine.peers.nodes[i].name.clone();
        let draft = Draft { round, ..Draft::new(name, model).weight(self.task.weight(i)) };
        self.engine.peers.contribute(i, draft, self.task.base())?;
        Ok(())
    }

    /// Runs a round: what happens at its beginning, the exchanges, and what nodes do at its end.
    pub(crate) fn round(&mut self, round: u32) -> Result<Vec<Exchanged<[Look; 2]>>, SimError> {
        self.now = round;
        let (begin, end) = (self.time_of(round), self.time_of(round + 1));
        self.engine.log.at(begin);
        let mut done = Vec::new();
        if self.engine.log.is_stopped() {
            return Ok(done);
        }
        self.join_and_split(round)?;
        done.extend(self.crash_and_restart(round));
        self.engine.peers.begin_round(round);
        self.act(round)?;
        if self.config.clock == Clock::Rounds {
            while let Some((_, node, change)) = self.membership.next(begin) {
                done.extend(self.change(begin, node, change)?);
            }
            done.extend(self.engine.begin_round());
            done.extend(self.exchange(round));
            done.extend(self.engine.end_round());
        } else {
            while let Some((time, node, change)) = self.membership.next(end - 1) {
                done.extend(self.engine.run_until(time, &self.network));
                done.extend(self.change(time, node, change)?);
            }
            done.extend(self.engine.run_until(end - 1, &self.network));
        }
        if self.engine.log.is_stopped() {
            return Ok(done);
        }
        self.engine.log.at(end);
        if self.config.attest {
            self.measure()?;
        }
        self.persist();
        let mark = self.engine.peers.mark_of_all();
        self.engine.log.note(Happening::Round, 0, 0, mark);
        Ok(done)
    }

    /// Whether nothing is under way and nobody is to come back.
    pub(crate) fn is_quiet(&self) -> bool {
        self.engine.is_quiet() && self.engine.peers.is_whole()
    }

    /// When a round begins.
    pub(crate) fn time_of(&self, round: u32) -> Time {
        Time::from(round - 1) * self.config.period.0
    }

    /// Nodes that heard of nothing new in this round measure the contributions that they have not
    /// measured yet, and publish what is not neutral.
    fn measure(&mut self) -> Result<(), SimError> {
        let nodes = &self.engine.peers.nodes;
        let measure = |i: usize| {
            let measures = nodes[i].active && self.engine.peers.behaviour(i).measures();
            if measures { measure::peers(&nodes[i], i, &self.task) } else { None }
        };
        let said: Vec<_> = (0..nodes.len()).into_par_iter().map(measure).collect();
        for (node, said) in self.engine.peers.nodes.iter_mut().zip(said) {
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

    /// Retractions, what nodes do of their own, and training anew.
    fn act(&mut self, round: u32) -> Result<(), SimError> {
        let planned = self.config.retract.iter().filter(|_| !self.calm);
        for retract in planned.filter(|retract| retract.round == round) {
            let node = &mut self.engine.peers.nodes[retract.node as usize];
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
                let node = retract.node as usize;
                self.happened.push((EventKind::Retract, vec![node]));
                self.engine.log.note(Happening::Retract, node, node, 0);
            }
        }
        for i in 0..self.engine.peers.nodes.len() {
            if self.engine.peers.nodes[i].active {
                self.engine.peers.act(i, round)?;
            }
        }
        match self.config.retrain {
            Some(every) if round.is_multiple_of(every) && !self.calm => {
                self.retrain(u64::from(round / every))?;
            }
            _ => {}
        }
        self.persist();
        Ok(())
    }

    /// Every active node trains from the model it has merged and replaces its contribution.
    fn retrain(&mut self, training: u64) -> Result<(), SimError> {
        let nodes = &self.engine.peers.nodes;
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

    fn exchange(&mut self, round: u32) -> Vec<Exchanged<[Look; 2]>> {
        let pairs = self.pairs(round).into_iter();
        match self.config.order {
            Order::Sequential => pairs.map(|(a, b)| self.engine.exchange(a, b)).collect(),
            Order::Synchronous => {
                let start = self.engine.peers.snapshot();
                pairs.map(|(a, b)| self.engine.exchange_apart([a, b], &start)).collect()
            }
        }
    }

    /// Who asks whom in this round.
    fn pairs(&mut self, round: u32) -> Vec<(usize, usize)> {
        if let Some(plan) = &self.plan {
            return plan.round(round as usize - 1).into_iter().flatten().collect();
        }
        let mut starters: Vec<usize> = (0..self.engine.peers.nodes.len())
            .filter(|&i| self.engine.peers.nodes[i].active)
            .collect();
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

/// The round in which this time is over.
fn rounds_until(time: Time, config: &Config) -> u32 {
    u32::try_from(time.div_ceil(config.period.0.max(1)) + 1).unwrap_or(u32::MAX)
}

/// The last round in which something is scheduled to happen.
fn last_event(config: &Config) -> u32 {
    let late = config.late_joiners.map(|late| late.round);
    let heal = config.partition.as_ref().map(|split| split.rounds.end);
    let retract = config.retract.iter().map(|retract| retract.round);
    let retrain = config.retrain.map(|every| config.rounds - config.rounds % every);
    late.into_iter().chain(heal).chain(retract).chain(retrain).max().unwrap_or(0)
}
