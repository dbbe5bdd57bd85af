//! The settings of a connection to brokers, as the command line tells them.

use std::path::Path;
use std::time::Duration;

use tidelog_core::Layout;
use tidelog_io_kafka::Settings;

use crate::cli::Brokers;
use crate::failure::Failure;

/// The settings for commands, which speak to brokers and run nothing.
pub(crate) fn settings(
    args: &Brokers,
    layout: Layout,
    timeout: Duration,
) -> Result<Settings, Failure> {
    let Some(brokers) = args.brokers.as_deref().filter(|brokers| !brokers.is_empty()) else {
        return Err(Failure::WrongCall(
            "no brokers are named: name some with --brokers host:9092 or TIDELOG_BROKERS"
                .to_owned(),
        ));
    };
    let mut settings = Settings::new(brokers, args.prefix.clone(), layout);
    settings.request_timeout = timeout;
    settings.node = format!("command-{}", std::process::id());
    if let Some(path) = &args.kafka_config {
        settings.librdkafka = properties(path).map_err(Failure::WrongCall)?;
    }
    Ok(settings)
}

/// Reads settings of librdkafka from a file.
pub(crate) fn properties(path: &Path) -> Result<Vec<(String, String)>, String> {
    let file = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the settings of librdkafka in {file} cannot be read: {error}"))?;
    let lines = (1..).zip(text.lines().map(str::trim));
    let said = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let parsed = said.map(|(number, line)| match line.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        // The line may be a password: it is not repeated.
        Some(_) | None => Err(format!("line {number} of {file} is not of the form key=value")),
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file_of(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("room in the temporary folder");
        file
    }

    #[test]
    fn a_file_says_what_librdkafka_is_to_be_told() {
        let file = file_of("# users\n\nsasl.username = app\nsasl.password=a=b#c\n");
        let told = properties(file.path()).expect("a good file");
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(told, [pair("sasl.username", "app"), pair("sasl.password", "a=b#c")]);
    }

    #[test]
    fn a_bad_line_is_named_and_not_repeated() {
        let file = file_of("sasl.username=app\nsecret\n");
        let words = properties(file.path()).expect_err("a bad line");
        assert!(words.contains("line 2") && !words.contains("secret"), "{words}");
        let words = properties(Path::new("/nowhere/kafka.properties")).expect_err("no file");
        assert!(words.contains("/nowhere/kafka.properties"), "{words}");
    }
}
