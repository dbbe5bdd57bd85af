//! `tidelog devices` and `tidelog notifications`.

use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::write;
use crate::cli::{DevicesArgs, NotificationsArgs};
use crate::client::{Call, Client, JSON, Reply};
use crate::failure::Failure;
use crate::output;

/// The devices of a user.
#[derive(Deserialize)]
struct Devices {
    devices: Vec<Value>,
}

/// What a device has not read.
#[derive(Deserialize)]
struct Notifications {
    last: u64,
    overflowed: bool,
    zones: Vec<Value>,
}

pub(super) async fn run(client: &Client, args: &DevicesArgs) -> Result<(), Failure> {
    let list = format!("/v1/users/{}/devices", args.user);
    if let Some(device) = &args.forget {
        let call = Call::new(Method::DELETE, format!("{list}/{device}"));
        success(client, call).await?;
        return match args.output.json {
            true => {
                output::json(&json!({ "user": args.user, "device": device, "forgotten": true }))
            }
            false => output::line(&format!("forgot {device} of {}", args.user)),
        };
    }
    let reply = success(client, Call::new(Method::GET, list)).await?;
    let Devices { devices } =
        serde_json::from_slice(&reply.body).map_err(|_| write::foreign(&reply))?;
    for device in &devices {
        match args.output.json {
            true => output::json(device)?,
            false => output::line(&columns(device, &["device", "used", "app_version"]))?,
        }
    }
    if devices.is_empty() && !args.output.json {
        output::say(&format!("{} has no devices", args.user));
    }
    Ok(())
}

pub(super) async fn notifications(
    client: &Client,
    args: &NotificationsArgs,
) -> Result<(), Failure> {
    let path = format!("/v1/devices/{}/notifications", args.device);
    let reply = success(client, Call::new(Method::GET, path.clone())).await?;
    let Notifications { last, overflowed, zones } =
        serde_json::from_slice(&reply.body).map_err(|_| write::foreign(&reply))?;
    for zone in &zones {
        match args.output.json {
            true => output::json(zone)?,
            false => output::line(&columns(
                zone,
                &["zone", "first", "last", "created", "updated", "deleted", "time"],
            ))?,
        }
    }
    if overflowed {
        output::say("there is more than is kept for a device: look at its zones anew");
    } else if zones.is_empty() && !args.output.json {
        output::say(&format!("{} has read everything", args.device));
    }
    if args.ack {
        let body = json!({ "through": last }).to_string();
        success(client, Call::new(Method::POST, format!("{path}/ack")).body(JSON, body)).await?;
    }
    Ok(())
}

async fn success(client: &Client, call: Call) -> Result<Reply, Failure> {
    let reply = client.send(&call).await?;
    reply.success().map_err(|problem| Failure::Refused { problem, advice: None })
}

/// Members of an object with tabs between.
fn columns(value: &Value, names: &[&str]) -> String {
    let text = |name: &&str| match &value[*name] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    names.iter().map(text).collect::<Vec<_>>().join("\t")
}
