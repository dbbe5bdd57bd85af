//! A broker that asks its clients who they are.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Failure,
    installation::{Installation, run},
    or_pass_over,
    ports::free_ports,
    process::{Home, Process},
};

/// A broker that asks its clients who they are, and lets them do what they may. Beside the listeners of
/// [`Listener`] it has one for whoever starts it, where nobody is asked and everything is allowed.
#[derive(Debug)]
pub struct Guarded {
    process: Process,
    home: Home,
    /// In the order of [`Listener`].
    ports: [u16; 3],
}

/// Where such a broker listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Users say who they are, in the clear.
    Sasl,
    /// TLS, and nobody is asked.
    Tls,
    /// Users say who they are, by TLS.
    SaslTls,
}

/// The user that such a broker knows, by PLAIN and by SCRAM.
pub const USER: &str = "svc";

/// The user's password.
pub const PASSWORD: &str = "s3cret";

/// Who is told to the broker when its data folder is made.
pub(crate) const SCRAM_USERS: [&str; 2] =
    ["SCRAM-SHA-256=[name=svc,password=s3cret]", "SCRAM-SHA-512=[name=svc,password=s3cret]"];

const KEY_STORE: &str = "broker.p12";
const CERTIFICATE: &str = "ca.pem";
const KEY_STORE_PASSWORD: &str = "of-the-key-store";

/// Starts such a broker; none where what it takes is not there.
///
/// # Panics
///
/// If it does not start, or if `CI` is `true` and it cannot be had.
pub fn guarded() -> Option<Guarded> {
    or_pass_over(Guarded::start())
}

impl Guarded {
    fn start() -> Result<Self, Failure> {
        let installation = Installation::get()?;
        Self::try_start(&installation).map_err(Failure::Broken)
    }

    fn try_start(installation: &Installation) -> Result<Self, String> {
        let ports = free_ports::<3>().map_err(|error| error.to_string())?;
        let home = Home::guarded(installation, |folder| {
            make_certificate(folder)?;
            Ok(properties(folder, ports))
        })?;
        let mut process = home.spawn()?;
        process.is_ready()?;
        Ok(Self { process, home, ports })
    }

    /// Where nobody is asked and everything is allowed.
    pub fn open_address(&self) -> String {
        self.home.address()
    }

    /// Where it listens, as `bootstrap.servers` has it.
    pub fn address(&self, listener: Listener) -> String {
        let [sasl, tls, sasl_tls] = self.ports;
        let port = match listener {
            Listener::Sasl => sasl,
            Listener::Tls => tls,
            Listener::SaslTls => sasl_tls,
        };
        format!("localhost:{port}")
    }

    /// The certificate by which the broker is known, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.home.folder().join(CERTIFICATE)
    }

    /// Lets the user do what a node does with all whose name begins like that, as the rules of `deploy`
    /// have it.
    ///
    /// # Panics
    ///
    /// If the broker does not take the rules.
    pub fn allow(&mut self, prefix: &str) {
        self.allow_all_but(prefix, None);
    }

    /// The same without one of the rights.
    ///
    /// # Panics
    ///
    /// If the broker does not take the rules.
    pub fn allow_all_but(&mut self, prefix: &str, lacking: Option<Right>) {
        let rights = Right::ALL.into_iter().filter(|right| Some(*right) != lacking);
        let rights: Vec<_> = rights.map(Right::name).collect();
        let allowed = self.process.ask(&format!("allow {USER} {prefix} {}", rights.join(",")));
        allowed.expect("a broker that takes rules");
    }
}

/// Something that a node has to be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To see that topics are there. Kafka lets see them also who may read or write them.
    SeeTopics,
    /// To read and write them.
    UseTopics,
    /// To see how they are set.
    SeeConfigurations,
    /// To be a member of consumer groups.
    Groups,
    /// To have transactions.
    TransactionalIds,
}

impl Right {
    const ALL: [Self; 5] = [
        Self::SeeTopics,
        Self::UseTopics,
        Self::SeeConfigurations,
        Self::Groups,
        Self::TransactionalIds,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::SeeTopics => "see-topics",
            Self::UseTopics => "use-topics",
            Self::SeeConfigurations => "see-configurations",
            Self::Groups => "groups",
            Self::TransactionalIds => "transactional-ids",
        }
    }
}

/// Makes a key for the broker with a certificate that it has signed itself.
fn make_certificate(folder: &Path) -> Result<(), String> {
    let keytool = || {
        let mut keytool = Command::new("keytool");
        let store = ["-keystore", KEY_STORE, "-storepass", KEY_STORE_PASSWORD, "-alias", "broker"];
        keytool.current_dir(folder).args(store);
        keytool
    };
    let names = "san=dns:localhost,ip:127.0.0.1";
    run(keytool()
        .args(["-genkeypair", "-keyalg", "EC", "-storetype", "PKCS12", "-validity", "2"])
        .args(["-dname", "CN=localhost", "-ext", names, "-ext", "bc=ca:true"]))?;
    run(keytool().args(["-exportcert", "-rfc", "-file", CERTIFICATE]))
}

fn properties(folder: &Path, [sasl, tls, sasl_tls]: [u16; 3]) -> String {
    let key_store = folder.join(KEY_STORE);
    let security = "org.apache.kafka.common.security";
    let mut lines = format!(
        "listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:0,\
         SASL_PLAINTEXT://localhost:{sasl},SSL://localhost:{tls},SASL_SSL://localhost:{sasl_tls}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,\
         SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL\n\
         inter.broker.listener.name=PLAINTEXT\n\
         sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
         ssl.keystore.type=PKCS12\n\
         ssl.keystore.location={}\n\
         ssl.keystore.password={KEY_STORE_PASSWORD}\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         super.users=User:ANONYMOUS\n",
        key_store.display()
    );
    for listener in ["sasl_plaintext", "sasl_ssl"] {
        lines += &format!(
            "listener.name.{listener}.plain.sasl.jaas.config={security}.plain.PlainLoginModule \
             required user_{USER}=\"{PASSWORD}\";\n"
        );
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            lines += &format!(
                "listener.name.{listener}.{mechanism}.sasl.jaas.config={security}.scram.\
                 ScramLoginModule required;\n"
            );
        }
    }
    lines
}
