//! Files that are cut, bent or padded.

use serde_json::{Value, json};
use unargmax::certificate::Certificate;
use unargmax::certificate::arrays::{Arrays, Element};

use super::ball_fixture::{BallFixture, Kind};
use super::fixture::{Fixture, Place};

fn bytes(place: Place) -> Vec<u8> {
    Fixture::new(place).certificate().to_bytes().unwrap()
}

/// The file taken apart and put together again after a change.
fn changed(place: Place, change: impl FnOnce(&mut Arrays, &mut Value)) -> Vec<u8> {
    apply(&bytes(place), change)
}

/// The same of other bytes.
pub fn apply(bytes: &[u8], change: impl FnOnce(&mut Arrays, &mut Value)) -> Vec<u8> {
    let (mut arrays, description) = Arrays::from_bytes(bytes).unwrap();
    let mut description: Value = serde_json::from_str(&description).unwrap();
    change(&mut arrays, &mut description);
    arrays.to_bytes(description.to_string()).unwrap()
}

/// Takes an array out, changes its elements and shape, and puts it back.
fn edit<T: Element>(arrays: &mut Arrays, name: &str, change: fn(&mut Vec<T>, &mut Vec<usize>)) {
    let (mut values, mut shape) = arrays.take::<T>(name).unwrap();
    change(&mut values, &mut shape);
    arrays.put(name.to_owned(), shape, values);
}

type Change = fn(&mut Arrays, &mut Value);

/// A change of a file: its name, where, the error, and how it is made.
pub const CHANGES: &[(&str, Place, &str, Change)] = &[
    ("a renamed array", Place::Free, "the array `audit0.witness.ids` is missing", |a, _| {
        let ids: Vec<u32> = a.take_list("audit0.witness.ids").unwrap();
        a.put_list("audit0.witness.id".to_owned(), ids);
    }),
    ("a missing array", Place::Free, "the array `audit0.undecided.kinds` is missing", |a, _| {
        a.take::<u8>("audit0.undecided.kinds").unwrap();
    }),
    ("an unknown array", Place::Free, "the array `audit0.extra` is not known", |a, _| {
        a.put_list("audit0.extra".to_owned(), [1u32]);
    }),
    (
        "a domain beside a free one",
        Place::Free,
        "the array `audit0.domain.lo` is not known",
        |a, _| {
            a.put_list("audit0.domain.lo".to_owned(), [0.0f64; 2]);
        },
    ),
    (
        "ids as u64",
        Place::Free,
        "the array `audit0.exact.ids` has elements U64, not U32",
        |a, _| {
            let ids: Vec<u32> = a.take_list("audit0.exact.ids").unwrap();
            a.put_list("audit0.exact.ids".to_owned(), ids.into_iter().map(u64::from));
        },
    ),
    (
        "points as float32",
        Place::Free,
        "the array `audit0.witness.points` has elements F32",
        |a, _| {
            let (points, shape) = a.take::<f64>("audit0.witness.points").unwrap();
            a.put("audit0.witness.points".to_owned(), shape, points.into_iter().map(|x| x as f32));
        },
    ),
    (
        "points transposed",
        Place::Free,
        "the array `audit0.witness.points` has shape [2, 1], not [1, 2]",
        |a, _| {
            edit::<f64>(a, "audit0.witness.points", |_, shape| shape.reverse());
        },
    ),
    ("points in a row", Place::Free, "the array `audit0.witness.points` has shape [2]", |a, _| {
        edit::<f64>(a, "audit0.witness.points", |_, shape| *shape = vec![2]);
    }),
    (
        "a matrix in a row",
        Place::Free,
        "the array `audit0.map1.matrix` has shape [4], not [2, 2]",
        |a, _| {
            edit::<f32>(a, "audit0.map1.matrix", |_, shape| *shape = vec![4]);
        },
    ),
    (
        "ids in a column",
        Place::Free,
        "the array `audit0.map0.ids` has shape [2, 1], not one dimension",
        |a, _| {
            edit::<u32>(a, "audit0.map0.ids", |_, shape| shape.push(1));
        },
    ),
    (
        "one scale too many",
        Place::Free,
        "the array `audit0.map0.scales` has 3 entries, not 2",
        |a, _| {
            edit::<f64>(a, "audit0.map0.scales", |values, shape| {
                values.push(1.0);
                shape[0] += 1;
            });
        },
    ),
    ("one end too few", Place::Box, "the array `audit0.domain.hi` has 1 entries, not 2", |a, _| {
        edit::<f64>(a, "audit0.domain.hi", |values, shape| {
            values.pop();
            shape[0] -= 1;
        });
    }),
    (
        "offsets that fall",
        Place::Free,
        "the offsets `audit0.enclosed.basic.offsets` do not cut",
        |a, _| {
            edit::<u64>(a, "audit0.enclosed.basic.offsets", |values, _| values[1] = 7);
        },
    ),
    (
        "offsets that begin late",
        Place::Free,
        "the offsets `audit0.tied.offsets` do not cut",
        |a, _| {
            edit::<u64>(a, "audit0.tied.offsets", |values, _| values[0] = 1);
        },
    ),
    (
        "offsets that end early",
        Place::Free,
        "the offsets `audit0.exact.weights.offsets` do not cut",
        |a, _| {
            edit::<u64>(a, "audit0.exact.weights.offsets", |values, _| values[2] = 1);
        },
    ),
    (
        "offsets beyond all memory",
        Place::Free,
        "the offsets `audit0.undecided.offsets` do not cut",
        |a, _| {
            edit::<u64>(a, "audit0.undecided.offsets", |values, _| values[1] = u64::MAX);
        },
    ),
    (
        "an unknown kind of multiplier",
        Place::Free,
        "the kind of multiplier 4 is not known",
        |a, _| {
            edit::<u8>(a, "audit0.undecided.kinds", |values, _| values[0] = 4);
        },
    ),
    ("an empty range", Place::Box, "the range of coordinate 1, 9 to 8, holds no number", |a, _| {
        edit::<f64>(a, "audit0.domain.lo", |values, _| values[1] = 9.0);
    }),
    (
        "a range of NaN",
        Place::Box,
        "the range of coordinate 0, -8 to NaN, holds no number",
        |a, _| {
            edit::<f64>(a, "audit0.domain.hi", |values, _| values[0] = f64::NAN);
        },
    ),
    (
        "an unknown kind of domain",
        Place::Free,
        "the kind of domain \"simplex\" is not known",
        |_, d| {
            d["audits"][0]["domain"] = json!("simplex");
        },
    ),
    ("an unknown scope", Place::Free, "the scope \"most\" is not known", |_, d| {
        d["audits"][0]["scope"] = json!("most");
    }),
    (
        "an unknown kind of map",
        Place::Free,
        "the kind of map \"quadratic\" is not known",
        |_, d| {
            d["audits"][0]["maps"][0] = json!("quadratic");
        },
    ),
    ("a map less", Place::Free, "the array `audit0.map1.centre` is not known", |_, d| {
        d["audits"][0]["maps"].as_array_mut().unwrap().pop();
    }),
    ("an audit less", Place::Free, "is not known to this version", |_, d| {
        d["audits"] = json!([]);
    }),
    ("an audit more", Place::Free, "the array `audit1.witness.ids` is missing", |_, d| {
        let mut twice = d["audits"][0].clone();
        twice["maps"] = json!([]);
        d["audits"].as_array_mut().unwrap().push(twice);
    }),
    (
        "more groups than can be counted",
        Place::Free,
        "18446744073709551615 lists are too many",
        |_, d| {
            d["audits"][0]["groups"] = json!(u64::MAX);
        },
    ),
    (
        "one group more",
        Place::Free,
        "the array `audit0.tied.offsets` has 2 entries, not 3",
        |_, d| {
            d["audits"][0]["groups"] = json!(2);
        },
    ),
    ("an absurd dimension", Place::Free, "1 audits of 1099511627776 coordinates are", |_, d| {
        d["head"]["dim"] = json!(1u64 << 40);
    }),
    ("no dimension", Place::Free, "1 audits of 0 coordinates are none", |_, d| {
        d["head"]["dim"] = json!(0);
    }),
    ("a later version", Place::Free, "version 6 is not", |_, d| d["version"] = json!(6)),
    ("a version before the first", Place::Free, "version 0 is not", |_, d| d["version"] = json!(0)),
    ("a version that is not a number", Place::Free, "version \"2\" is not", |_, d| {
        d["version"] = json!("2");
    }),
    ("another format", Place::Free, "format \"model\"", |_, d| d["format"] = json!("model")),
    ("an unknown field", Place::Free, "unknown field `note`", |_, d| d["note"] = json!("trust me")),
    ("an unknown field of an audit", Place::Free, "unknown field `sure`", |_, d| {
        d["audits"][0]["sure"] = json!(true);
    }),
    ("fields of a later version", Place::Free, "unknown field `centred`", |a, d| {
        make_first_version(a, d);
        d["audits"][0]["centred"] = Value::Null;
    }),
    (
        "arrays of a later version",
        Place::Free,
        "the array `audit0.carried.ids` is not known",
        |a, d| {
            make_first_version(a, d);
            a.put_list("audit0.carried.ids".to_owned(), [0u32; 0]);
        },
    ),
    ("a version that lacks its fields", Place::Free, "missing field `centred`", |a, d| {
        make_first_version(a, d);
        d["version"] = json!(2);
    }),
    ("a missing field", Place::Free, "missing field `groups`", |_, d| {
        d["audits"][0].as_object_mut().unwrap().remove("groups");
    }),
    ("a description that is a list", Place::Free, "format null version null", |_, d| {
        *d = json!([])
    }),
];

/// Turns a file into one of version 1.
pub fn make_first_version(arrays: &mut Arrays, description: &mut Value) {
    let names: Vec<String> = arrays.names().map(str::to_owned).collect();
    for name in names.iter().filter(|n| n.contains(".outweighed.") || n.contains(".carried.")) {
        if name.ends_with(".bytes") {
            arrays.take::<u8>(name).unwrap();
        } else if name.ends_with("offsets") {
            arrays.take::<u64>(name).unwrap();
        } else {
            arrays.take::<u32>(name).unwrap();
        }
    }
    description["version"] = json!(1);
    for audit in description["audits"].as_array_mut().unwrap() {
        audit.as_object_mut().unwrap().retain(|key, _| key != "centred" && key != "carried_from");
    }
}

/// Changes of a file of two audits, one in a ball.
pub const BALL_CHANGES: &[(&str, Kind, &str, Change)] = &[
    ("a ball that may be centred", Kind::Plain, "\"ball\" needs a field `centred`", |_, d| {
        d["audits"][0]["centred"] = Value::Null;
    }),
    ("a free domain that is centred", Kind::Plain, "\"free\" has no use for a field", |_, d| {
        d["audits"][1]["centred"] = json!(false);
    }),
    ("centred left out", Kind::Plain, "missing field `centred`", |_, d| {
        d["audits"][1].as_object_mut().unwrap().remove("centred");
    }),
    ("centred as a number", Kind::Centred, "invalid type: integer `1`", |_, d| {
        d["audits"][0]["centred"] = json!(1);
    }),
    ("carried_from left out", Kind::Plain, "missing field `carried_from`", |_, d| {
        d["audits"][1].as_object_mut().unwrap().remove("carried_from");
    }),
    ("carried from beyond the file", Kind::Plain, "there is no audit 2 to carry", |_, d| {
        d["audits"][0]["carried_from"] = json!(2);
    }),
    ("carried from before the file", Kind::Plain, "invalid value: integer `-1`", |_, d| {
        d["audits"][0]["carried_from"] = json!(-1);
    }),
    ("carried from true", Kind::Plain, "invalid type: boolean `true`", |_, d| {
        d["audits"][0]["carried_from"] = json!(true);
    }),
    ("a radius of zero", Kind::Plain, "the radius of the ball, sqrt(0 x 1), is not", |a, _| {
        edit::<f64>(a, "audit0.domain.radius", |values, _| values[0] = 0.0);
    }),
    (
        "a radius below zero",
        Kind::Plain,
        "the radius of the ball, sqrt(-2 x -1), is not",
        |a, _| {
            edit::<f64>(a, "audit0.domain.radius", |values, _| {
                values.iter_mut().for_each(|r| *r = -*r);
            });
        },
    ),
    (
        "a radius that is NaN",
        Kind::Plain,
        "the radius of the ball, sqrt(NaN x 1), is not",
        |a, _| {
            edit::<f64>(a, "audit0.domain.radius", |values, _| values[0] = f64::NAN);
        },
    ),
    ("a radius out of range", Kind::Plain, "is not a number above 0 within", |a, _| {
        edit::<f64>(a, "audit0.domain.radius", |values, _| *values = vec![1e200, 1e-200]);
    }),
    ("a radius of one number", Kind::Plain, "`audit0.domain.radius` has 1 entries", |a, _| {
        edit::<f64>(a, "audit0.domain.radius", |values, shape| {
            values.pop();
            shape[0] -= 1;
        });
    }),
    ("an infinite gain", Kind::Centred, "gain inf and shift 0.5 of the norm", |a, _| {
        edit::<f64>(a, "audit0.domain.gain", |values, _| values[0] = f64::INFINITY);
    }),
    ("a shift that is NaN", Kind::Centred, "gain 2 and shift NaN of the norm", |a, _| {
        edit::<f64>(a, "audit0.domain.shift", |values, _| values[0] = f64::NAN);
    }),
    ("a gain too few", Kind::Centred, "`audit0.domain.gain` has 2 entries, not 3", |a, _| {
        edit::<f64>(a, "audit0.domain.gain", |values, shape| {
            values.pop();
            shape[0] -= 1;
        });
    }),
    ("a ball without a shift", Kind::Plain, "`audit0.domain.shift` is missing", |a, _| {
        a.take::<f64>("audit0.domain.shift").unwrap();
    }),
    ("a ball said to be a box", Kind::Plain, "\"box\" has no use for a field", |_, d| {
        d["audits"][0]["domain"] = json!("box");
    }),
    ("a ball said to be in a box", Kind::Plain, "`audit0.domain.lo` is missing", |_, d| {
        d["audits"][0]["domain"] = json!("box and ball");
    }),
    ("a box kept silent", Kind::Crossed, "`audit0.domain.hi` is not known", |_, d| {
        d["audits"][0]["domain"] = json!("ball");
    }),
    (
        "the point of the domain left out",
        Kind::Crossed,
        "`audit0.domain.point` is missing",
        |a, _| {
            a.take::<f64>("audit0.domain.point").unwrap();
        },
    ),
    ("a point of a ball alone", Kind::Plain, "`audit0.domain.point` is not known", |a, _| {
        a.put_list("audit0.domain.point".to_owned(), [0.0f64; 4]);
    }),
    (
        "a range of one number beside a ball",
        Kind::Crossed,
        "together with a ball each range needs some width",
        |a, _| edit::<f64>(a, "audit0.domain.lo", |values, _| values[3] = 8.0),
    ),
    (
        "weights that are not cut for their tokens",
        Kind::Plain,
        "the offsets `audit0.outweighed.offsets` do not cut",
        |a, _| edit::<u64>(a, "audit0.outweighed.offsets", |values, _| values[3] = 3),
    ),
    (
        "an end without a multiplier",
        Kind::Crossed,
        "the offsets `audit0.outweighed.ends.multipliers.offsets`",
        |a, _| {
            edit::<u64>(a, "audit0.outweighed.ends.multipliers.offsets", |values, _| values[2] = 0)
        },
    ),
    ("carried ids left out", Kind::Plain, "the array `audit1.carried.ids` is missing", |a, _| {
        a.take::<u32>("audit1.carried.ids").unwrap();
    }),
];

/// Changes of the text of the header, and of the bytes behind it: a name, the error, what stands there, and what comes
/// in its place. In the description quotation marks are escaped.
pub const BENT: &[(&str, &str, &str, &str)] = &[
    (
        "a key of an entry twice",
        "the key `dtype` occurs twice",
        r#"{"dtype":"#,
        r#"{"dtype":"U8","dtype":"#,
    ),
    ("an unknown key of an entry", "unknown field `note`", r#"{"dtype":"#, r#"{"note":1,"dtype":"#),
    (
        "an entry that is a list",
        "the entry of tensor `audit0.x` is not a JSON object",
        r#""audit0.carried.ids":{"#,
        r#""audit0.x":["U8",[0],[0,0]],"audit0.carried.ids":{"#,
    ),
    (
        "an array twice",
        "the key `audit0.carried.ids` occurs twice",
        r#""audit0.carried.ids":{"#,
        r#""audit0.carried.ids":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"audit0.carried.ids":{"#,
    ),
    (
        "a shape of a float",
        "invalid type: floating point `0.0`",
        r#""shape":[0]"#,
        r#""shape":[0.0]"#,
    ),
    ("a shape of true", "invalid type: boolean `true`", r#""shape":[1]"#, r#""shape":[true]"#),
    ("a shape below zero", "invalid value: integer `-1`", r#""shape":[1]"#, r#""shape":[-1]"#),
    ("a shape that is a number", "invalid type: integer `1`", r#""shape":[1]"#, r#""shape":1"#),
    (
        "a shape beyond all memory",
        "does not fit its offsets",
        r#""shape":[1]"#,
        r#""shape":[9223372036854775807]"#,
    ),
    ("three offsets", "invalid length 3", r#""data_offsets":["#, r#""data_offsets":[0,"#),
    ("an unknown element type", r#"has elements "U7""#, r#""dtype":"U8""#, r#""dtype":"U7""#),
    (
        "another element type of the same width",
        "has elements I32, not U32",
        r#""dtype":"U32""#,
        r#""dtype":"I32""#,
    ),
    (
        "a header that is a list",
        "the header does not begin with {",
        "{\"__metadata__\"",
        "[{\"__metadata__\"",
    ),
    (
        "a header after a blank",
        "the header does not begin with {",
        "{\"__metadata__\"",
        " {\"__metadata__\"",
    ),
    (
        "the metadata twice",
        "the key `__metadata__` occurs twice",
        "{\"__metadata__\"",
        "{\"__metadata__\":{\"unargmax\":\"{}\"},\"__metadata__\"",
    ),
    (
        "the description twice",
        "the key `unargmax` occurs twice",
        r#"{"unargmax":"#,
        r#"{"unargmax":"{}","unargmax":"#,
    ),
    (
        "other metadata",
        "the entry `format` of its metadata",
        r#"{"unargmax":"#,
        r#"{"format":"pt","unargmax":"#,
    ),
    (
        "a head that is a list",
        "is not a JSON object",
        r#"\"head\":{"#,
        r#"\"head\":[\"\",11,2],\"x\":{"#,
    ),
    (
        "an audit that is a list",
        "is not a JSON object",
        r#"\"audits\":["#,
        r#"\"audits\":[[\"free\",null,null,\"all\",[],0],"#,
    ),
    (
        "a description under another key",
        "its metadata have no entry `unargmax`",
        r#"{"unargmax":"#,
        r#"{"unargmix":"#,
    ),
    (
        "a description that is not text",
        "is not text",
        r#"{"unargmax":"#,
        r#"{"unargmax":7}, "x":{"y":"#,
    ),
    (
        "a count of groups twice",
        "the key `groups` occurs twice",
        r#"\"groups\":1"#,
        r#"\"groups\":1,\"groups\":1"#,
    ),
    (
        "a version twice",
        "the key `version` occurs twice",
        r#"\"version\":2"#,
        r#"\"version\":1,\"version\":2"#,
    ),
    (
        "audits twice",
        "the key `audits` occurs twice",
        r#"\"audits\":"#,
        r#"\"audits\":[],\"audits\":"#,
    ),
    ("a version of a float", "version 2.0 is not", r#"\"version\":2"#, r#"\"version\":2.0"#),
    ("a version in powers", "version 2.0 is not", r#"\"version\":2"#, r#"\"version\":2e0"#),
    (
        "a count of groups of a float",
        "invalid type: floating point `1.0`",
        r#"\"groups\":1"#,
        r#"\"groups\":1.0"#,
    ),
    (
        "a count of groups of true",
        "invalid type: boolean `true`",
        r#"\"groups\":1"#,
        r#"\"groups\":true"#,
    ),
    ("a count of groups of NaN", "not valid JSON", r#"\"groups\":1"#, r#"\"groups\":NaN"#),
    (
        "a count of groups of Infinity",
        "not valid JSON",
        r#"\"groups\":1"#,
        r#"\"groups\":Infinity"#,
    ),
    (
        "a count of groups of -0",
        "invalid type: floating point",
        r#"\"groups\":1"#,
        r#"\"groups\":-0"#,
    ),
    (
        "a count of groups in a text",
        "invalid type: string",
        r#"\"groups\":1"#,
        r#"\"groups\":\"1\""#,
    ),
    ("a count of groups of nobody", "invalid type: null", r#"\"groups\":1"#, r#"\"groups\":null"#),
    (
        "a count of tokens of a float",
        "invalid type: floating point `11.0`",
        r#"\"tokens\":11"#,
        r#"\"tokens\":11.0"#,
    ),
    (
        "a dimension of a float",
        "invalid type: floating point `2.0`",
        r#"\"dim\":2"#,
        r#"\"dim\":2.0"#,
    ),
    ("a dimension of true", "invalid type: boolean `true`", r#"\"dim\":2"#, r#"\"dim\":true"#),
    (
        "a tool that is a number",
        "invalid type: integer `7`",
        r#"\"tool\":"#,
        r#"\"tool\":7,\"tools\":"#,
    ),
    ("a tool of half a character", "not valid JSON", r#"\"tool\":\""#, r#"\"tool\":\"\\ud800"#),
    (
        "a domain in a list",
        "invalid type: sequence",
        r#"\"domain\":\"free\""#,
        r#"\"domain\":[\"free\"]"#,
    ),
    ("a scope of true", "invalid type: boolean", r#"\"scope\":\"all\""#, r#"\"scope\":true"#),
    ("maps in a text", "invalid type: string", r#"\"maps\":["#, r#"\"maps\":\"\",\"x\":["#),
    ("audits that are no list", "invalid type: map", r#"\"audits\":["#, r#"\"audits\":{},\"x\":["#),
    (
        "a head of an unknown field",
        "unknown field `note`",
        r#"\"head\":{"#,
        r#"\"head\":{\"note\":1,"#,
    ),
    ("a word after the description", "not valid JSON", r#"}]}""#, r#"}]} x""#),
    (
        "a field of a later version",
        "unknown field `point`",
        r#"\"groups\":1"#,
        r#"\"groups\":1,\"point\":null"#,
    ),
    (
        "a later version without its field",
        "missing field `point`",
        r#"\"version\":2"#,
        r#"\"version\":3"#,
    ),
];

/// The honest fixture with one of [`BENT`].
pub fn bent(from: &str, to: &str) -> Vec<u8> {
    let (header, data) = parted(&bytes(Place::Free));
    assert!(header.contains(from), "{from} is not in {header}");
    joined(&header.replacen(from, to, 1), &data)
}

fn parted(bytes: &[u8]) -> (String, Vec<u8>) {
    let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (String::from_utf8(bytes[8..end].to_vec()).unwrap(), bytes[end..].to_vec())
}

fn joined(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// Files whose tensors do not lie side by side, or do not fill the file: a name, the error and the bytes.
pub fn misplaced() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let (header, data) = parted(&bytes(Place::Free));
    let value: Value = serde_json::from_str(&header).unwrap();
    let moved = |change: &dyn Fn(&mut Value, &mut Vec<u8>)| {
        let (mut changed, mut data) = (value.clone(), data.clone());
        change(&mut changed, &mut data);
        joined(&changed.to_string(), &data)
    };
    let last = |value: &Value| {
        let entries = value.as_object().unwrap().iter().filter(|e| e.0 != "__metadata__");
        let end = |e: &Value| (e["data_offsets"][1].as_u64(), e["data_offsets"][0].as_u64());
        entries.max_by_key(|e| end(e.1)).unwrap().0.clone()
    };
    vec![
        ("a byte more at the end", "bytes follow the header", { moved(&|_, data| data.push(0)) }),
        ("eight bytes more at the end", "bytes follow the header", {
            moved(&|_, data| data.extend([0; 8]))
        }),
        ("a byte less at the end", "bytes follow the header", {
            moved(&|_, data| {
                data.pop();
            })
        }),
        ("a gap before the last array", "where the one before it ends at", {
            moved(&|value, data| {
                let name = last(value);
                let offsets = value[&name]["data_offsets"].as_array_mut().unwrap();
                offsets.iter_mut().for_each(|x| *x = json!(x.as_u64().unwrap() + 8));
                data.extend([0; 8]);
            })
        }),
        ("two arrays over each other", "where the one before it ends at", {
            moved(&|value, _| {
                let place = value["audit0.witness.ids"]["data_offsets"].clone();
                value["audit0.exact.ids"]["data_offsets"] = place;
            })
        }),
        ("an array that ends before it begins", "does not fit its offsets", {
            moved(&|value, _| {
                value["audit0.exact.ids"]["data_offsets"].as_array_mut().unwrap().reverse();
            })
        }),
        ("a header longer than the file", "the header claims", {
            let mut long = joined(&header, &data);
            long[7] = 1;
            long
        }),
        ("a header of a broken character", "the header:", {
            let mut broken = joined(&header, &data);
            let at = 8 + header.find("unargmax 0").unwrap();
            broken[at] = 0xff;
            broken
        }),
        ("seven bytes", "fewer than eight bytes", vec![0; 7]),
        ("an empty header", "does not begin with {", vec![0; 8]),
    ]
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let bent = BENT.iter().map(|(name, expected, from, to)| (*name, *expected, bent(from, to)));
    let said = bent.chain(misplaced()).map(|(name, expected, bytes)| {
        let said = Certificate::from_bytes(&bytes).err().unwrap_or("nothing: it was read".into());
        (name, expected, said)
    });
    let wrong: Vec<_> = said.filter(|(_, expected, said)| !said.contains(expected)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (header, data) = parted(&bytes(Place::Free));
    let padded = joined(&format!("{header}   "), &data);
    assert!(Certificate::from_bytes(&padded).is_ok(), "blanks fill a header up to a whole word");
}

/// The bytes of a changed file of two audits.
pub fn planted_in_ball(kind: Kind, change: Change) -> Vec<u8> {
    apply(&BallFixture::new(kind).certificate().to_bytes().unwrap(), change)
}

/// The bytes of a changed file.
pub fn planted(place: Place, change: Change) -> Vec<u8> {
    changed(place, change)
}

#[test]
fn every_bent_file_is_refused_for_what_it_is() {
    for (name, place, expected, change) in CHANGES {
        match Certificate::from_bytes(&planted(*place, *change)) {
            Ok(_) => panic!("{name} was read"),
            Err(reason) => assert!(reason.contains(expected), "{name}: {expected:?}: {reason}"),
        }
    }
    for (name, kind, expected, change) in BALL_CHANGES {
        match Certificate::from_bytes(&planted_in_ball(*kind, *change)) {
            Ok(_) => panic!("{name} was read"),
            Err(reason) => assert!(reason.contains(expected), "{name}: {expected:?}: {reason}"),
        }
    }
    let untouched = changed(Place::Box, |_, _| {});
    assert_eq!(
        Certificate::from_bytes(&untouched).unwrap(),
        Fixture::new(Place::Box).certificate()
    );
}

#[test]
fn a_file_of_version_1_is_read_as_what_it_says() {
    for place in [Place::Free, Place::Box] {
        let read = Certificate::from_bytes(&changed(place, make_first_version)).unwrap();
        assert_eq!(read, Fixture::new(place).certificate());
    }
}

#[test]
fn no_prefix_of_a_file_is_a_certificate() {
    let whole = bytes(Place::Box);
    for length in 0..whole.len() {
        assert!(Certificate::from_bytes(&whole[..length]).is_err(), "{length} bytes");
    }
    let longer: Vec<u8> = whole.iter().copied().chain([0]).collect();
    assert!(Certificate::from_bytes(&longer).is_err());
    assert!(Certificate::from_bytes(&whole).is_ok());
}

#[test]
fn a_checkpoint_is_no_certificate() {
    let head = include_bytes!("../../../assets/g2pm/head.safetensors");
    let reason = Certificate::from_bytes(head).unwrap_err();
    assert!(reason.contains("its metadata have no entry `unargmax`"), "{reason}");
}
