use std::io::{BufReader, Read};

use super::*;

#[test]
fn an_array_gives_its_elements_with_their_places() {
    let text = "\u{feff} [\n  {\"a\": [1, \"]\"]},\n  \"x,y\", 12,true\n]\n";
    assert_eq!(
        told(text, None),
        "1 at 2:3 {\"a\": [1, \"]\"]}\n2 at 3:3 \"x,y\"\n3 at 3:10 12\n4 at 3:13 true\nend"
    );
    assert_eq!(told("[]", None), "end");
    assert_eq!(told(" [ \n ] ", None), "end");
}

#[test]
fn ndjson_gives_a_document_a_line() {
    let text = "{\"a\":1}\r\n\n  {\"b\":2}\n[not checked here\n3";
    assert_eq!(
        told(text, None),
        "1 at 1:1 {\"a\":1}\r\n2 at 3:3 {\"b\":2}\n3 at 4:1 [not checked here\n4 at 5:1 3\nend"
    );
    assert_eq!(told("", None), "end");
    assert_eq!(told(" \n\n", None), "end");
}

#[test]
fn the_format_can_be_said() {
    assert_eq!(told("[1]\n[2]", Some(Format::Ndjson)), "1 at 1:1 [1]\n2 at 2:1 [2]\nend");
    assert!(told("[1]\n[2]", None).contains("line 2, column 1: something follows the end"));
    assert!(told("{}", Some(Format::Array)).contains("an array was expected to begin here"));
    assert!(told("", Some(Format::Array)).contains("it is empty"));
}

#[test]
fn an_array_that_is_cut_off_says_where() {
    assert_eq!(
        told("[1,\n{\"a\":", None),
        "1 at 1:2 1\nit ends at line 2 in the middle of document 2: it seems to be cut off"
    );
    assert!(told("[1,\n", None).ends_with("in the middle of the array: it seems to be cut off"));
    assert!(told("[{}\n", None).contains("ends at line 2"));
    assert!(told("[", None).contains("ends at line 1"));
}

#[test]
fn garbage_between_documents_says_where() {
    assert!(told("[1 2]", None).ends_with(
        "line 1, column 4: found '2' where a comma or the end of the array was expected, after \
         document 1"
    ));
    assert!(
        told("[1,\n]", None).ends_with("line 2, column 1: a document was expected after the comma")
    );
    assert!(
        told("[,1]", None).contains("line 1, column 2: a document was expected before the comma")
    );
    assert!(told("[1}]", None).contains("found '}'"));
    assert!(told("[1] x", None).contains("line 1, column 5: something follows"));
}

#[test]
fn malformed_documents_do_not_hide_the_next() {
    assert_eq!(
        told("[{\"a\":tru}, nope, 3]", None),
        "1 at 1:2 {\"a\":tru}\n2 at 1:13 nope\n3 at 1:19 3\nend"
    );
}

#[test]
fn a_document_that_is_too_long_is_measured_but_not_held() {
    let long = format!("\"{}\"", "x".repeat(RAW_BYTES_MAX));
    for text in [format!("[{long}, 2]"), format!("{long}\n2\n")] {
        let mut documents = Documents::new(text.as_bytes(), None);
        let first = documents.next().expect("readable").expect("a document");
        assert!(first.is_cut());
        assert_eq!((first.length, first.bytes.len()), (RAW_BYTES_MAX as u64 + 2, RAW_BYTES_MAX));
        let second = documents.next().expect("readable").expect("a document");
        assert_eq!(second.bytes, b"2");
    }
}

#[test]
fn a_stream_that_fails_says_up_to_where_it_was_read() {
    let failing = b"{}\n{}\n".chain(Failing);
    let mut documents = Documents::new(BufReader::new(failing), None);
    assert!(matches!(documents.next(), Ok(Some(_))));
    assert!(matches!(documents.next(), Ok(Some(_))));
    let error = documents.next().map_err(|error| error.to_string());
    assert_eq!(error, Err("it cannot be read after line 3: disk on fire".to_owned()));
    assert!(matches!(documents.next(), Ok(None)), "and then there is nothing more");
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("disk on fire"))
    }
}

/// All that is read, with every size of buffer the same.
fn told(text: &str, format: Option<Format>) -> String {
    let whole = told_by(text.as_bytes(), format);
    for size in [1, 2, 3, 7] {
        let chunked = told_by(BufReader::with_capacity(size.max(3), text.as_bytes()), format);
        assert_eq!(chunked, whole, "read {size} bytes at a time");
    }
    whole
}

fn told_by(reader: impl BufRead, format: Option<Format>) -> String {
    let mut documents = Documents::new(reader, format);
    let mut told = Vec::new();
    loop {
        match documents.next() {
            Ok(Some(raw)) => {
                let Position { number, line, column } = raw.position;
                let text = String::from_utf8_lossy(&raw.bytes).into_owned();
                told.push(format!("{number} at {line}:{column} {text}"));
            }
            Ok(None) => {
                told.push("end".to_owned());
                return told.join("\n");
            }
            Err(error) => {
                told.push(error.to_string());
                return told.join("\n");
            }
        }
    }
}
