//! Topics: created as the table in `core` says, once, and compared with it.

use tidelog_core::{Layout, ServiceName, Topic};
use tidelog_io_kafka::{Difference, Settings, Topics};

use crate::broker;

#[test]
fn topics_are_created_once_and_are_then_as_they_should_be() {
    if !broker::is_there() {
        return;
    }
    let layout = Layout::new(3).expect("a layout");
    let settings = broker::settings(layout);
    let copies = usize::from(settings.replication);
    let topics = Topics::connect(&settings).expect("a client");
    let some =
        [Topic::EntityPatches, Topic::SchemaUpdates, Topic::Changelog(ServiceName::EntityStorage)];
    let missing = topics.check(some).expect("an answer");
    assert_eq!(missing.len(), 3);
    assert!(missing.iter().all(|it| matches!(it, Difference::Missing { .. })), "{missing:?}");
    assert_eq!(topics.create(some.into_iter().chain(some)), Ok(some.to_vec()));
    assert_eq!(topics.create(some), Ok(Vec::new()));
    assert_eq!(topics.check(some), Ok(Vec::new()));
    let described = topics.describe(some).expect("an answer");
    assert_eq!(described.len(), 3);
    assert!(described.iter().all(|it| it.partitions == 3 && it.replication == copies));
    assert_eq!(described[1].settings["cleanup.policy"], "compact");

    let more = Settings { layout: Layout::new(4).expect("a layout"), ..settings };
    let topics = Topics::connect(&more).expect("a client");
    let differences = topics.check([Topic::EntityPatches]).expect("an answer");
    let [Difference::Partitions { wanted: 4, found: 3, .. }] = differences[..] else {
        panic!("{differences:?}");
    };
}
