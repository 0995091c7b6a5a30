//! Adapters and indices from strangers: an error or a model, never a panic.

use crate::common::{model, ready};
use proptest::prelude::*;
use std::fs;

const CONFIG: &str = r#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2.0, "use_rslora": false,
    "rank_pattern": {"q": 1}, "alpha_pattern": {}, "bias": "none"}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn mutated_adapter_configurations(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        model(&folder.path().join("base.safetensors"), &[("q.weight", &[1, 1], &[1.0])]);
        let adapter = folder.path().join("adapter");
        fs::create_dir(&adapter).expect("a folder");
        let mut config = CONFIG.as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(config.len());
            config[place] = byte;
        }
        fs::write(adapter.join("adapter_config.json"), config).expect("a file");
        model(
            &adapter.join("adapter_model.safetensors"),
            &[("q.lora_A.weight", &[1, 1], &[1.0]), ("q.lora_B.weight", &[1, 1], &[1.0])],
        );
        let recipe = "merge_method: passthrough\nmodels: [{model: base.safetensors+adapter}]\n";
        if let Ok(ready) = ready(folder.path(), recipe) {
            // A factor that is not finite is an error of the merge.
            let path = folder.path().join("out.safetensors");
            let _ = ready.merge().write(&espalier_merge::MergeTarget::new(path));
        }
    }
}
