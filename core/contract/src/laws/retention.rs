//! Law 8: what retention took away before it was read.

use tidelog_core::{
    Offset, PartitionId,
    port::{Client, ClientError, Wait},
};

use crate::{
    Fresh, Trimming,
    harness::{INPUTS, Member, PATIENCE, SORTER, Step, append, layout, read_from, record, texts},
};

/// A reader whose offset is gone is told what is still there.
pub fn a_reader_is_told_that_its_offset_is_gone<B: Trimming>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, topic, partition) = (backend.client(), INPUTS[0], PartitionId(0));
        let records = (0..10).map(|n| record(topic, partition, "k", format!("{n}")));
        let offsets = append(&client, records.collect()).await;
        backend.trim(topic, partition, offsets[4]).await;
        let until = client.now().plus(PATIENCE);
        let found = client.read(topic, partition, offsets[3], until).await;
        let (from, start) = (offsets[3], offsets[4]);
        assert_eq!(found, Err(ClientError::Gone { topic, partition, from, start }));
        let bounds = client.bounds(topic, partition).await;
        assert_eq!(bounds, Ok((offsets[4], offsets[9].next())));
        let found = read_from(&client, (topic, partition), offsets[4], 6).await;
        assert_eq!(texts(found.iter()), ["4", "5", "6", "7", "8", "9"]);
    });
}

/// A task whose input went before it was read is told so, and not read on; nothing begins again by
/// itself, not even after restoring. Other tasks go on.
pub fn a_task_whose_input_is_gone_stops_and_others_go_on<B: Trimming>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let (client, topic, gone) = (backend.client(), INPUTS[0], PartitionId(0));
        let records = (0..10).map(|n| record(topic, gone, "k", format!("{n}")));
        let offsets = append(&client, records.collect()).await;
        backend.trim(topic, gone, offsets[4]).await;
        let mut member = Member::join(&backend.transport(), &SORTER).await;
        let told = Step::InputLost { topic, position: Offset(0), start: offsets[4] };
        for round in 0..2 {
            let deadline = member.deadline();
            loop {
                let step = member.step(Wait::Until(deadline)).await.expect("a session");
                assert_ne!(step, Step::Idle, "in vain waited to be told");
                if step == told {
                    break;
                }
            }
            member.own(2).await;
            append(&client, vec![record(topic, PartitionId(1), "k", "goes on")]).await;
            let goes_on = |it: &Member<_>| it.tasks[&PartitionId(1)].seen.len() == round + 1;
            member.step_until("the other task", goes_on).await;
            let task = &member.tasks[&gone];
            assert!(task.seen.iter().all(|(of, _)| *of != topic), "it was read on");
            member.restore(gone).await.expect("a restored partition");
        }
    });
}

/// Records that go after a task has read and committed them are not missed.
pub fn what_was_read_before_it_went_is_not_missed<B: Trimming>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, topic, only) = (backend.client(), INPUTS[0], PartitionId(0));
        let records = (0..10).map(|n| record(topic, only, "k", format!("{n}")));
        let offsets = append(&client, records.collect()).await;
        let transport = backend.transport();
        let mut member = Member::join_all(&transport, &SORTER).await;
        member.read(10).await;
        let tasks = member.work_off();
        member.committed(tasks).await;
        backend.trim(topic, only, offsets[9].next()).await;
        drop(member);
        let mut member = Member::join_all(&transport, &SORTER).await;
        append(&client, vec![record(topic, only, "k", "the next")]).await;
        member.read(1).await;
        assert_eq!(texts(member.tasks[&only].seen.iter().map(|(_, it)| it)), ["the next"]);
    });
}
