//! What a node of a cluster can be told.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use tidelog_core::{Layout, ServiceName};

/// How a node of a cluster runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterSettings {
    /// What the names of topics, groups and transactions begin with.
    pub(crate) prefix: String,
    /// The services that it runs; all if nothing is said.
    pub(crate) services: Option<Vec<ServiceName>>,
    /// Its name.
    pub(crate) node: Option<String>,
    /// Where it answers other nodes.
    pub(crate) peer_listen: SocketAddr,
    /// Where they reach that, if it is not the same.
    pub(crate) advertise: Option<String>,
    /// Whether it makes topics that are not there.
    pub(crate) create_topics: bool,
    /// How many copies of each partition there are to be.
    pub(crate) replication: u16,
    /// How long what has been done waits for more before it is committed.
    pub(crate) commit_interval: Duration,
    /// How it is safe to speak with the brokers.
    pub(crate) security: Security,
    /// Further settings of librdkafka.
    pub(crate) librdkafka: Vec<(String, String)>,
}

/// How it is safe to speak with the brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Security {
    /// Whether TLS is spoken.
    pub(crate) tls: bool,
    /// The certificates that the brokers' are signed by.
    pub(crate) tls_ca: Option<PathBuf>,
    /// How we say who we are.
    pub(crate) sasl: Option<SaslMechanism>,
    /// Who we are.
    pub(crate) user: Option<String>,
    /// The password.
    pub(crate) password: Password,
}

/// Where a password comes from.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Password {
    /// Nowhere.
    #[default]
    None,
    /// From a file.
    File(PathBuf),
    /// It is this.
    Is(String),
}

/// How to say to the brokers who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SaslMechanism {
    /// The password as it is: not without TLS.
    Plain,
    /// By a challenge, with SHA-256.
    #[value(name = "scram-sha-256")]
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// By a challenge, with SHA-512.
    #[value(name = "scram-sha-512")]
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// Why settings of a cluster do not fit together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// The build cannot do it.
    #[error(
        "this build of tidelog speaks neither TLS nor SCRAM with brokers: build it with `--features \
         ssl`, or use the image"
    )]
    NoSsl,
    /// Somebody is to be told, and nobody is named.
    #[error("--sasl needs a name (--sasl-user) and a password (--sasl-password-file)")]
    NoUser,
    /// The file with the password cannot be read.
    #[error("the password cannot be read from {}: {source}", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            prefix: "tidelog-".to_owned(),
            services: None,
            node: None,
            peer_listen: SocketAddr::from(([127, 0, 0, 1], 7071)),
            advertise: None,
            create_topics: false,
            replication: 1,
            commit_interval: Duration::from_millis(20),
            security: Security::default(),
            librdkafka: Vec::new(),
        }
    }
}

impl ClusterSettings {
    /// What io-kafka is told.
    pub(crate) fn kafka(
        &self,
        brokers: &str,
        layout: Layout,
    ) -> Result<tidelog_io_kafka::Settings, ClusterError> {
        let mut librdkafka = self.security.librdkafka()?;
        librdkafka.extend(self.librdkafka.iter().cloned());
        Ok(tidelog_io_kafka::Settings {
            replication: self.replication,
            librdkafka,
            ..tidelog_io_kafka::Settings::new(brokers, &self.prefix, layout)
        })
    }
}

impl Security {
    fn librdkafka(&self) -> Result<Vec<(String, String)>, ClusterError> {
        let is_scram = self.sasl.is_some_and(|sasl| sasl != SaslMechanism::Plain);
        if (self.tls || is_scram) && !cfg!(feature = "ssl") {
            return Err(ClusterError::NoSsl);
        }
        let protocol = match (self.tls, self.sasl) {
            (false, None) => "plaintext",
            (true, None) => "ssl",
            (false, Some(_)) => "sasl_plaintext",
            (true, Some(_)) => "sasl_ssl",
        };
        let mut all = vec![("security.protocol".to_owned(), protocol.to_owned())];
        if let Some(ca) = self.tls_ca.as_ref().filter(|_| self.tls) {
            all.push(("ssl.ca.location".to_owned(), ca.display().to_string()));
        }
        if let Some(sasl) = self.sasl {
            let (Some(user), Some(password)) = (&self.user, self.password.read()?) else {
                return Err(ClusterError::NoUser);
            };
            all.push(("sasl.mechanism".to_owned(), sasl.name().to_owned()));
            all.push(("sasl.username".to_owned(), user.clone()));
            all.push(("sasl.password".to_owned(), password));
        }
        Ok(all)
    }
}

impl Password {
    fn read(&self) -> Result<Option<String>, ClusterError> {
        match self {
            Self::None => Ok(None),
            Self::Is(password) => Ok(Some(password.clone())),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| Some(text.trim_end_matches(['\r', '\n']).to_owned()))
                .map_err(|source| ClusterError::Password { path: path.clone(), source }),
        }
    }
}

/// A password is not for logs.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Is(_) => f.write_str("Is(…)"),
        }
    }
}

impl SaslMechanism {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_of(security: Security) -> Result<Vec<(String, String)>, String> {
        security.librdkafka().map_err(|error| error.to_string())
    }

    #[test]
    fn a_password_is_read_from_its_file_and_shown_to_nobody() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "se=cret,\n").expect("room in it");
        let (sasl, user) = (Some(SaslMechanism::Plain), Some("svc".to_owned()));
        let password = Password::File(file.path().to_owned());
        let security = Security { sasl, user, password, ..Security::default() };
        let all = settings_of(security).expect("settings");
        assert!(all.contains(&("security.protocol".into(), "sasl_plaintext".into())), "{all:?}");
        assert!(all.contains(&("sasl.password".into(), "se=cret,".into())), "{all:?}");
        assert_eq!(format!("{:?}", Password::Is("secret".into())), "Is(…)");
    }

    #[test]
    fn who_we_are_takes_a_name_and_a_password() {
        let sasl = Some(SaslMechanism::Plain);
        let words = settings_of(Security { sasl, ..Security::default() }).expect_err("no name");
        assert!(words.contains("--sasl-user"), "{words}");
        let security = Security { tls: true, ..Security::default() };
        assert_eq!(settings_of(security).is_ok(), cfg!(feature = "ssl"));
    }
}
