//! The words of `tidelog watch`, `tidelog devices` and `tidelog notifications`.

use clap::Args;
use tidelog_core::{DeviceId, UserId, ZoneId};

use super::Json;

/// `tidelog watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Zone whose changes are printed, as in shop/orders/eu
    pub(crate) zone: ZoneId,

    /// Token from which to go on, as a run with --once tells it [default: only what changes from now on]
    #[arg(long, value_name = "TOKEN", conflicts_with = "all")]
    pub(crate) since: Option<String>,

    /// Begin with the oldest change that is kept
    #[arg(long)]
    pub(crate) all: bool,

    /// Print what there is, tell the token to go on from, and end
    #[arg(long)]
    pub(crate) once: bool,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog devices`.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// User whose devices are listed
    pub(crate) user: UserId,

    /// Have a device forgotten, with its subscriptions, instead
    #[arg(long, value_name = "DEVICE")]
    pub(crate) forget: Option<DeviceId>,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog notifications`.
#[derive(Debug, Args)]
pub(crate) struct NotificationsArgs {
    /// Device whose unread changes are printed
    pub(crate) device: DeviceId,

    /// Say that all of them are read
    #[arg(long)]
    pub(crate) ack: bool,

    #[command(flatten)]
    pub(crate) output: Json,
}
