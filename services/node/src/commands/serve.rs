//! `tidelog serve`: settings from everywhere, logging, then the node.

use std::error::Error;
use std::path::PathBuf;

use crate::cli::ServeArgs;
use crate::failure::Failure;
use crate::settings::{Layer, ServeSettings, SettingsError, environment_says, file_says};
use crate::{logging, serve};

pub(super) fn run(args: ServeArgs) -> Result<(), Failure> {
    let settings = settings_of(args)?;
    if settings.brokers.is_none() && settings.cluster.services.is_some() {
        return Err(Failure::WrongCall(SERVICES_OF_NO_CLUSTER.to_owned()));
    }
    logging::start(&settings)?;
    serve::serve(&settings).map_err(|error| Failure::Failed(with_causes(&error)))
}

const SERVICES_OF_NO_CLUSTER: &str = "--services (or TIDELOG_SERVICES) says which of them a node of a cluster runs, and no brokers are \
     named: name them with --brokers, or leave it out, for a node whose log is in its folder runs all";

/// The settings of a node that is started like this.
pub(super) fn settings_of(args: ServeArgs) -> Result<ServeSettings, Failure> {
    settings(args, |name| std::env::var(name).ok())
        .map_err(|error| Failure::WrongCall(error.to_string()))
}

fn settings(
    args: ServeArgs,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<ServeSettings, SettingsError> {
    let named = || lookup("TIDELOG_CONFIG").filter(|name| !name.is_empty()).map(PathBuf::from);
    let file = match args.config.or_else(named) {
        Some(path) => file_says(&path)?,
        None => Layer::default(),
    };
    Ok(ServeSettings::layered([file, environment_says(lookup)?, args.flags]))
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_environment_can_name_the_file_and_a_flag_another() -> Result<(), Box<dyn Error>> {
        let mut one = tempfile::NamedTempFile::new()?;
        write!(one, "partitions = 3")?;
        let mut two = tempfile::NamedTempFile::new()?;
        write!(two, "partitions = 4")?;
        let from_env = one.path().display().to_string();
        let lookup = |name: &str| (name == "TIDELOG_CONFIG").then(|| from_env.clone());

        assert_eq!(settings(ServeArgs::default(), lookup)?.partitions, 3);
        let args = ServeArgs { config: Some(two.path().to_owned()), ..ServeArgs::default() };
        assert_eq!(settings(args, lookup)?.partitions, 4);
        assert_eq!(settings(ServeArgs::default(), |_| None)?, ServeSettings::default());
        Ok(())
    }
}
