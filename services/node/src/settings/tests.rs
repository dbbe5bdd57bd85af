use std::io::Write;

use super::*;

#[test]
fn each_layer_wins_over_the_ones_below() -> Result<(), SettingsError> {
    let file = file_of("listen = '0.0.0.0:1'\npartitions = 2\nlog = 'debug'\ncors-origin = ['*']");
    let file = file_says(file.path())?;
    let environment = environment_says(|name| match name {
        "TIDELOG_LISTEN" => Some("0.0.0.0:2".to_owned()),
        "TIDELOG_PARTITIONS" => Some("3".to_owned()),
        "TIDELOG_DATA" => Some(String::new()),
        _ => None,
    })?;
    let flags = Layer { listen: Some(SocketAddr::from(([0, 0, 0, 0], 3))), ..Layer::default() };

    let settings = ServeSettings::layered([file, environment, flags]);
    assert_eq!(settings.listen.port(), 3, "flags win");
    assert_eq!(settings.partitions, 3, "the environment wins over the file");
    assert_eq!(settings.log, "debug", "the file wins over the defaults");
    assert_eq!(settings.cors_origins, ["*"]);
    assert_eq!(settings.data, PathBuf::from("./tidelog-data"), "an empty variable says nothing");
    assert_eq!(settings.answer_timeout, Duration::from_secs(10), "a default");
    Ok(())
}

#[test]
fn a_file_can_say_everything() -> Result<(), SettingsError> {
    let file = file_of(
        "listen = '127.0.0.1:1'\ndata = '/data'\ncors-origin = ['https://a.example/']\n\
         partitions = 1\nanswer-timeout = '2s'\nschema-interval = '3s'\nusage-interval = '9s'\nfeed-changes = 11\nchange-stream = true\nlog = 'warn'\nlog-format = 'json'\n",
    );
    let settings = ServeSettings::layered([file_says(file.path())?]);
    let expected = ServeSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 1)),
        data: PathBuf::from("/data"),
        cors_origins: vec!["https://a.example".to_owned()],
        partitions: 1,
        answer_timeout: Duration::from_secs(2),
        schema_interval: Duration::from_secs(3),
        usage_interval: Duration::from_secs(9),
        feed_changes: 11,
        change_stream: true,
        log: "warn".to_owned(),
        log_format: LogFormat::Json,
        ..ServeSettings::default()
    };
    assert_eq!(settings, expected);
    Ok(())
}

#[test]
fn an_unknown_key_is_named_with_the_keys_that_there_are() {
    let words = file_refused("lissten = '127.0.0.1:7070'");
    assert!(words.contains("unknown field `lissten`"), "{words}");
    assert!(words.contains("`listen`") && words.contains("line 1"), "{words}");
}

#[test]
fn a_bad_value_in_a_file_is_named_with_its_line() {
    let words = file_refused("log = 'info'\npartitions = 0\n");
    assert!(words.contains("line 2") && words.contains("1 to 1024 partitions"), "{words}");
    assert!(file_refused("answer-timeout = 'soon'").contains("500ms"));
    assert!(file_refused("listen = 'nowhere'").contains("127.0.0.1:7070"));
    assert!(file_refused("cors-origin = ['app.example']").contains("https://app.example"));
    assert!(file_refused("log-format = 'xml'").contains("`json`"));
    assert!(file_refused("listen = ").contains("line 1"));
}

#[test]
fn a_bad_variable_is_named_with_its_value() {
    for (name, value) in [
        ("TIDELOG_LISTEN", "here"),
        ("TIDELOG_PARTITIONS", "many"),
        ("TIDELOG_ANSWER_TIMEOUT", "-1"),
        ("TIDELOG_LOG_FORMAT", "xml"),
        ("TIDELOG_CORS_ORIGIN", "https://a,b"),
    ] {
        let says = environment_says(|asked| (asked == name).then(|| value.to_owned()));
        let words = says.map(|_| String::new()).unwrap_or_else(|error| error.to_string());
        assert!(words.contains(name) && words.contains(value), "{name}: {words}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = file_says(std::path::Path::new("/nowhere/tidelog.toml")).map(|_| ());
    let words = error.map_or_else(|error| error.to_string(), |()| String::new());
    assert!(words.contains("/nowhere/tidelog.toml"), "{words}");
}

fn file_refused(text: &str) -> String {
    let file = file_of(text);
    file_says(file.path()).map_or_else(|error| error.to_string(), |layer| format!("{layer:?}"))
}

fn file_of(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("room in the temporary folder");
    file
}
