//! Schemas learned from real, uneven documents: kept as snapshots, accepted by a validator, and
//! true of every document that they were learned from.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tidelog_core::{Document, Timestamp};
use tidelog_schema::{Model, Notes};

#[test]
fn cars() {
    let model = check(&array("cars.json"));
    insta::assert_snapshot!("cars", printed(&model));
}

#[test]
fn penguins() {
    let model = check(&array("penguins.json"));
    insta::assert_snapshot!("penguins", printed(&model));
}

#[test]
fn stocks() {
    let mut lines = text("stocks.csv");
    let documents: Vec<_> = lines
        .split_off(lines.find('\n').expect("a heading"))
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let [symbol, date, price] = line.split(',').collect::<Vec<_>>()[..] else {
                panic!("three columns: {line}");
            };
            json!({ "symbol": symbol, "date": date, "price": price.parse::<f64>().expect("a price") })
        })
        .collect();
    insta::assert_snapshot!("stocks", printed(&check(&documents)));
}

#[test]
fn weekly_weather_is_nested() {
    let model = check(&array("weekly-weather.json"));
    insta::assert_snapshot!("weekly_weather", printed(&model));
}

#[test]
fn emoji_have_arrays_of_objects_and_fields_of_one_or_many() {
    let model = check(&array("emoji.json"));
    insta::assert_snapshot!("emoji", printed(&model));
}

#[test]
fn movies_show_their_odd_titles_and_their_nulls() {
    let movies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/movies/movies.json");
    let movies = fs::read_to_string(movies).expect("it is in the repository");
    let movies: Vec<Value> = serde_json::from_str(&movies).expect("an array of documents");
    let model = check(&movies);
    let definition = model.definition(Notes::With).to_value().expect("JSON");
    let title = &definition["properties"]["Title"];
    assert_eq!(title["type"], json!(["null", "integer", "string"]), "{title}");
    let odd = movies.iter().filter(|movie| movie["Title"].is_number()).count();
    assert_eq!(title["x-tidelog"]["types"]["integer"], odd, "{title}");
    insta::assert_snapshot!("movies", printed(&model));
}

/// Learns the documents, and checks that each of them has the schema, notes or not.
fn check(documents: &[Value]) -> Model {
    let model = documents.iter().fold(Model::default(), |model, value| {
        let document = Document::from_value(value).expect("it is small");
        let time = Timestamp::from_millis(1_764_000_000_000);
        model.learn(None, Some(&document), time).expect("a document is JSON")
    });
    assert_eq!(model.documents(), documents.len() as u64);
    for notes in [Notes::With, Notes::Without] {
        let definition = model.definition(notes).to_value().expect("JSON");
        jsonschema::draft202012::meta::validate(&definition).expect("it is JSON Schema 2020-12");
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&definition)
            .expect("a validator takes it");
        for document in documents {
            if let Err(error) = validator.validate(document) {
                panic!("{document}: {error} at {}", error.instance_path());
            }
        }
    }
    model
}

fn printed(model: &Model) -> String {
    let definition = model.definition(Notes::With).to_value().expect("JSON");
    serde_json::to_string_pretty(&definition).expect("a value prints")
}

fn array(name: &str) -> Vec<Value> {
    serde_json::from_str(&text(name)).expect("an array of documents")
}

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    fs::read_to_string(path).expect("it is in the repository")
}
