//! A run: set-up and rounds.

pub(crate) mod cast;
pub(crate) mod counted;
mod measure_peers;
pub(crate) mod progress;

use crate::config::{Clock, Config, Exchange, Family};
use crate::course::event::EventKind;
use crate::course::membership::Opening;
use crate::course::{Course, Done};
use crate::engine::{Happening, Listener};
use crate::error::{SimError, field};
use crate::node::Node;
use crate::node::disk::Disk;
use crate::node::face::Face;
use crate::seeds::Seeds;
use crate::task::Task;
use crate::task::inputs;
use crate::world::broadcast::Broadcast;
use crate::world::{Equipment, World};
use espalier_identity::{Digest, Keypair, PeerId};
use espalier_replica::{Arena, Draft, MergeState, Policy, PolicySpec, Replica};
use espalier_tensor::Model;
use rayon::prelude::*;

use cast::Cast;

/// A run of real replicas that exchange frames.
pub(crate) struct Run<'a> {
    config: &'a Config,
    pub(crate) course: Course<'a, World>,
    pub(crate) task: Task,
    pub(crate) policy: Policy,
    cast: Box<dyn Cast>,
}

impl<'a> Run<'a> {
    /// Sets a run up, from a configuration that was checked; `training` hears when the nodes begin
    /// to train, and what there is to say about the models they bring.
    pub(crate) fn new(
        config: &'a Config,
        cast: Box<dyn Cast>,
        listener: Option<Listener<'a>>,
        training: &mut dyn FnMut(&[String]),
    ) -> Result<Self, SimError> {
        let count = config.nodes as usize;
        let network = config.topology.build(count, config.seed)?;
        let task = Task::open(config)?;
        if config.retrain.is_some() && !task.retrains() {
            return Err(field("retrain", "a folder of finished models cannot be trained again"));
        }
        let arena = Arena::default();
        cast.check_inputs(config, &task, &arena)?;
        let base = task.base().map(|base| arena.put_model(base.clone()).root());
        // Only a file can have changed; elsewhere the comparison of reports shows the difference.
        if let (Family::Path(_), Some(expected), Some(found)) =
            (&config.model, config.base_root, base)
            && expected != found
        {
            return Err(SimError::BaseChanged { expected, found });
        }
        let keys = node_keys(config);
        let policy = agree(config, &task, &keys, base)?;
        let opening = Opening::new(config, cast.late(config))?;

        training(&inputs::notes(&task));
        let train = |i: usize| task.train(i, 0, None);
        let models: Vec<_> = (0..count).into_par_iter().map(train).collect::<Result<_, _>>()?;
        let alone: Vec<_> =
            models.par_iter().enumerate().map(|(i, model)| task.judge(i, model)).collect();
        let mut nodes = Vec::with_capacity(count);
        for (i, key) in keys.iter().enumerate() {
            let state = MergeState::with_arena(policy.clone(), arena.clone());
            let replica = Replica::new(key.clone(), state, config.exchange.of_replicas());
            nodes.push(Node {
                id: key.peer_id(),
                name: format!("node_{i}"),
                faces: vec![Face::new(replica, config.may_crash())],
                active: !opening.is_absent(i),
                disk: Disk::default(),
                own_seq: 0,
                measured: Default::default(),
                alone: alone[i],
            });
        }
        let keep_states = config.metrics.count(config.nodes) > 0 && config.nodes <= 256;
        let behaviours = cast.behaviours(config, &network);
        let equipment = Equipment {
            keys,
            policy: policy.clone(),
            exchange: config.exchange,
            disks: config.may_crash(),
            tells: config.exchange == Exchange::Broadcast || config.clock == Clock::None,
            base: task.base().cloned(),
        };
        let mut world = World::new(nodes, behaviours, arena, equipment, keep_states);
        world.broadcast = (config.exchange == Exchange::Broadcast)
            .then(|| Broadcast::new(config, &network, &world.ids));
        world.overlap = config.clock != Clock::Rounds;
        for (i, model) in models.iter().enumerate().filter(|(i, _)| opening.is_absent(*i)) {
            cast.check_trained(&task, i, model, &world.arena)?;
            world.bring_later(i, draft(&task, i, model.clone(), 0));
        }
        let course = Course::new(config, world, network, opening, listener)?;
        let mut run = Self { config, course, task, policy, cast };
        run.contribute_all(models.into_iter().map(Some).collect(), &|_| None, 0)?;
        run.check_withheld()?;
        run.course.persist();
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
        self.cast.forge(self.config, task, policy, round, &mut models, &mislead);
        for (i, model) in models.into_iter().enumerate() {
            if let Some(model) = model.filter(|_| self.world().nodes[i].active) {
                let draft = draft(&self.task, i, model, round);
                self.course.engine.peers.contribute(i, draft)?;
            }
        }
        Ok(())
    }

    /// Refuses to go on where an honest node could not contribute what it trained before the first
    /// round; what others could not is told.
    fn check_withheld(&mut self) -> Result<(), SimError> {
        let world = &self.course.engine.peers;
        for (_, node) in world.withheld.iter().filter(|(kind, _)| *kind == EventKind::NotFinite) {
            let model = self.task.train(*node, 0, None)?;
            self.cast.check_trained(&self.task, *node, &model, &world.arena)?;
        }
        self.tell_withheld();
        Ok(())
    }

    /// Tells which nodes could not contribute what they had.
    fn tell_withheld(&mut self) {
        let withheld = std::mem::take(&mut self.course.engine.peers.withheld);
        let told = withheld.into_iter().map(|(kind, node)| (kind, vec![node]));
        self.course.happened.extend(told);
    }

    /// Runs a round: what happens at its beginning, what nodes do of their own, the exchanges, and
    /// what nodes do at its end.
    pub(crate) fn round(&mut self, round: u32) -> Result<Done<World>, SimError> {
        let Some(mut done) = self.course.begin(round)? else { return Ok(Vec::new()) };
        self.act(round)?;
        done.extend(self.course.exchange(round)?);
        if self.config.attest && !self.course.engine.log.is_stopped() {
            self.measure()?;
        }
        self.course.end();
        self.tell_withheld();
        Ok(done)
    }

    pub(crate) fn world(&self) -> &World {
        &self.course.engine.peers
    }

    /// Everybody's key, by node number.
    pub(crate) fn ids(&self) -> &[PeerId] {
        &self.world().ids
    }

    /// Nodes that heard of nothing new in this round measure the contributions that they have not
    /// measured yet, and publish what is not neutral.
    fn measure(&mut self) -> Result<(), SimError> {
        if !self.task.measures() {
            return Ok(());
        }
        let world = self.world();
        let nodes = &world.nodes;
        let measure = |i: usize| {
            let measures = nodes[i].active && world.behaviour(i).measures();
            if measures { measure_peers::peers(&nodes[i], i, &self.task) } else { None }
        };
        let said: Vec<_> = (0..nodes.len()).into_par_iter().map(measure).collect();
        for (node, said) in self.course.engine.peers.nodes.iter_mut().zip(said) {
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
        let planned = self.config.retract.iter().filter(|_| !self.course.calm);
        for retract in planned.filter(|retract| retract.round == round) {
            let node = &mut self.course.engine.peers.nodes[retract.node as usize];
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
                self.course.happened.push((EventKind::Retract, vec![node]));
                self.course.engine.log.note(Happening::Retract, node, node, 0);
            }
        }
        for i in 0..self.course.engine.peers.nodes.len() {
            if self.course.engine.peers.nodes[i].active {
                self.course.engine.peers.act(i, round)?;
            }
        }
        match self.config.retrain {
            Some(every) if round.is_multiple_of(every) && !self.course.calm => {
                self.retrain(u64::from(round / every))?;
            }
            _ => {}
        }
        self.course.persist();
        Ok(())
    }

    /// Every active node trains from the model it has merged and replaces its contribution.
    fn retrain(&mut self, training: u64) -> Result<(), SimError> {
        let nodes = &self.course.engine.peers.nodes;
        let states: Vec<MergeState> = nodes.iter().map(|node| node.state().clone()).collect();
        let start = |i: usize| states[i].resolve().ok();
        // Whoever has merged nothing trains from the base, and that is told.
        let train = |i: usize| -> Result<Option<(Model, bool)>, SimError> {
            if !nodes[i].active {
                return Ok(None);
            }
            let start = start(i);
            let model = self.task.train(i, training, start.as_ref())?;
            Ok(Some((model, start.is_none())))
        };
        let trained: Vec<_> =
            (0..nodes.len()).into_par_iter().map(train).collect::<Result<_, _>>()?;
        let is_anew = |(_, trained): &(usize, &Option<(Model, bool)>)| {
            trained.as_ref().is_some_and(|(_, anew)| *anew)
        };
        let anew: Vec<_> = trained.iter().enumerate().filter(is_anew).map(|(i, _)| i).collect();
        if !anew.is_empty() {
            self.course.happened.push((EventKind::Unmerged, anew));
        }
        let models = trained.into_iter().map(|trained| Some(trained?.0)).collect();
        self.contribute_all(models, &start, training)
    }
}

/// Everybody's key.
pub(crate) fn node_keys(config: &Config) -> Vec<Keypair> {
    let seeds = Seeds(config.seed);
    let key = |i| Keypair::from_seed(*seeds.key("node key", u64::from(i)).as_bytes());
    (0..config.nodes).into_par_iter().map(key).collect()
}

/// What a node signs of what it trained.
pub(crate) fn draft(task: &Task, node: usize, model: Model, round: u64) -> Draft {
    Draft { round, ..Draft::new(format!("node_{node}"), model).weight(task.weight(node)) }
}

/// What the nodes agree on before they start.
pub(crate) fn agree(
    config: &Config,
    task: &Task,
    keys: &[Keypair],
    base: Option<Digest>,
) -> Result<Policy, SimError> {
    let policy = Policy::new(PolicySpec {
        strategy: config.strategy.clone(),
        parameters: config.strategy_parameters(),
        base,
        schema: Some(task.schema()),
        seed: config.seed,
        constants: config.profile.constants(),
        roster: keys.iter().map(Keypair::peer_id).collect(),
    })?;
    if policy.strategy().needs_base() && base.is_none() {
        let strategy = policy.strategy();
        let (name, what) = match strategy.info().needs_base {
            true => ("strategy", strategy.name()),
            false => ("buffers", "base"),
        };
        let problem = format!("{what} needs a base model: put base.safetensors into the folder");
        return Err(field(name, problem));
    }
    Ok(policy)
}
