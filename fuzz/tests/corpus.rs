//! Every file of the corpus through its target, without the fuzzer: what was found once stays found.

use std::fs;
use std::path::Path;

/// Whether a seed gets a token, or a code.
type Succeeds = fn(&[u8]) -> bool;

#[test]
fn every_target_holds_on_its_corpus() {
    for (name, check) in oauth_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut files = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            check(&fs::read(&path).unwrap());
            files += 1;
        }
        assert!(files >= 5, "{name} has {files} seeds only");
    }
}

#[test]
fn every_target_has_a_folder_and_every_folder_a_target() {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")).unwrap();
    let mut folders: Vec<String> = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    assert_eq!(folders, oauth_fuzz::TARGETS.map(|(name, _)| name));
}

#[test]
fn the_seeds_that_should_get_something_do() {
    let targets: [(&str, Succeeds); 3] = [
        ("authorize", oauth_fuzz::authorize::succeeds),
        ("form_and_basic", oauth_fuzz::form_and_basic::succeeds),
        ("legacy_token", oauth_fuzz::legacy_token::succeeds),
    ];
    for (target, succeeds) in targets {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_good = path.file_name().unwrap().to_str().unwrap().starts_with("ok_");
            assert_eq!(succeeds(&fs::read(&path).unwrap()), is_good, "{}", path.display());
        }
    }
}
