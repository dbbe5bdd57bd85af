//! `tidelog tasks`: the tasks in the data folder of a node that does not run, and moving one on.
//!
//! It works on the folder, which only one process can have open: so nothing reads or writes meanwhile,
//! and the positions that are moved are the ones that the node goes by when it starts.

use std::path::Path;

use serde_json::json;
use tidelog_core::{Spec, port::TaskId};
use tidelog_io_local::{InputProgress, LocalLog, Settings};

use super::serve::settings_of;
use crate::cli::{ServeArgs, SkipArgs, TasksAction, TasksArgs};
use crate::failure::Failure;
use crate::output;
use crate::serve::{specs, usual_services};
use crate::settings::{Layer, ServeSettings};

pub(super) fn run(args: TasksArgs) -> Result<(), Failure> {
    let TasksArgs { data, config, json, action } = args;
    let flags = Layer { data, ..Layer::default() };
    let settings = settings_of(ServeArgs { config, flags })?;
    let log = open(&settings.data)?;
    let done = match action {
        None => list(&log, &settings, json),
        Some(TasksAction::Skip(skip)) => self::skip(&log, &settings.data, &skip, json),
    };
    log.close();
    done
}

pub(super) fn open(folder: &Path) -> Result<LocalLog, Failure> {
    let failed = |error: tidelog_io_local::OpenError| Failure::Failed(error.to_string());
    let layout = LocalLog::layout_of(folder).map_err(failed)?.ok_or_else(|| {
        let folder = folder.display();
        Failure::WrongCall(format!(
            "there is no data of a node in {folder}; name its folder (--data)"
        ))
    })?;
    LocalLog::open(folder, Settings::new(layout)).map_err(failed)
}

fn list(log: &LocalLog, settings: &ServeSettings, json: bool) -> Result<(), Failure> {
    for service in usual_services(settings) {
        let spec = service.spec();
        for partition in log.layout().all() {
            let task = TaskId { service: spec.name, partition };
            print(task, &log.inputs(spec, partition), json)?;
        }
    }
    Ok(())
}

fn skip(log: &LocalLog, folder: &Path, args: &SkipArgs, json: bool) -> Result<(), Failure> {
    let SkipArgs { task, yes, by } = args;
    let spec = spec_of(*task)?;
    if task.partition.0 >= log.layout().partitions() {
        let partitions = log.layout().partitions();
        return Err(Failure::WrongCall(format!(
            "there is no {task}: there are {partitions} partitions"
        )));
    }
    let inputs = log.inputs(spec, task.partition);
    let lost: Vec<_> = inputs.iter().filter_map(InputProgress::lost).collect();
    if !yes && !lost.is_empty() {
        print(*task, &inputs, json)?;
        return Err(Failure::WrongCall(format!(
            "nothing was changed: what is lost stays lost, and {task} would go on without it; to have \
             that, say --yes. If there is a copy of {} that has the records, use that instead",
            folder.display()
        )));
    }
    let by = by.clone().or_else(|| std::env::var("USER").ok()).filter(|name| !name.is_empty());
    let by = by.unwrap_or_else(|| "an operator".to_owned());
    let skipped = pollster::block_on(log.skip_lost(spec, task.partition, &by))
        .map_err(|error| Failure::Failed(error.to_string()))?;
    if !json {
        for range in skipped {
            output::line(&format!(
                "{task} goes on at {} of {}; a dead letter names the lost range",
                range.to, range.topic
            ))?;
        }
        return Ok(());
    }
    print(*task, &log.inputs(spec, task.partition), json)
}

fn spec_of(task: TaskId) -> Result<&'static Spec, Failure> {
    specs().find(|spec| spec.name == task.service).ok_or_else(|| {
        Failure::WrongCall(format!("this node does not run {}; see `tidelog tasks`", task.service))
    })
}

fn print(task: TaskId, inputs: &[InputProgress], json: bool) -> Result<(), Failure> {
    if json {
        let input = |input: &InputProgress| {
            let lost = input.lost().map(|lost| json!({ "from": lost.from, "to": lost.to }));
            let InputProgress { topic, position, start, end } = input;
            json!({
                "topic": topic.name(), "position": position, "start": start, "end": end,
                "unread": input.unread(), "lost": lost,
            })
        };
        let inputs: Vec<_> = inputs.iter().map(input).collect();
        return output::json(&json!({ "task": task.to_string(), "inputs": inputs }));
    }
    for input in inputs {
        let InputProgress { topic, position, .. } = input;
        let state = match (input.lost(), input.unread()) {
            (Some(lost), _) => format!("stopped: lost {lost}"),
            (None, 0) => "has read all".to_owned(),
            (None, unread) => format!("{unread} to read"),
        };
        output::line(&format!("{task}\t{topic}\tat {position}\t{state}"))?;
    }
    Ok(())
}
