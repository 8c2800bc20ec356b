//! Pickles, alone and in torch's containers.

use std::time::{Duration, Instant};

use super::build::{CompressionMethod, zip};
use super::memory::largest_request;
use super::{check_every_prefix, refusal};
use unargmax::checkpoint::pickle::StateDict;
use unargmax::checkpoint::{Checkpoint, FileFormat, Values};

const LABEL: &str = "a.pt";

/// A pickle of protocol 2 that does these operations.
fn pickle(operations: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x02", &operations.concat()[..], b"."].concat()
}

/// The operation that pushes a text.
fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// The operation that pushes an integer of 32 bits.
fn int(number: i32) -> Vec<u8> {
    [b"J", &number.to_le_bytes()[..]].concat()
}

/// The operation that pushes an integer of any size.
fn long(number: i64) -> Vec<u8> {
    [b"\x8a\x08", &number.to_le_bytes()[..]].concat()
}

fn tuple(parts: &[i64]) -> Vec<u8> {
    let parts: Vec<u8> = parts.iter().flat_map(|&part| long(part)).collect();
    [b"(", &parts[..], b"t"].concat()
}

/// The operations that push a tensor of torch in the storage `0` of `count` f32.
fn tensor(count: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    stored("0", count, offset, shape, strides)
}

fn stored(key: &str, count: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    [
        &b"ctorch._utils\n_rebuild_tensor_v2\n(("[..],
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text(key),
        &text("cpu"),
        &long(count),
        b"tQ",
        &long(offset),
        &tuple(shape),
        &tuple(strides),
        b"\x89Nt",
        b"R",
    ]
    .concat()
}

/// The operations that push an array of four zeros of numpy.
fn array() -> Vec<u8> {
    [
        &b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R(K\x01K\x04\x85cnumpy\ndtype\n"[..],
        &text("f4"),
        b"K\0K\x01\x87R(K\x03",
        &text("<"),
        b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89C\x10",
        &[0; 16],
        b"tb",
    ]
    .concat()
}

/// A dictionary with this one value under `w`.
fn named(value: &[u8]) -> Vec<u8> {
    [b"}", &text("w")[..], value, b"s"].concat()
}

/// Torch's archive around a pickle, with the storage `0` of these bytes.
fn archive(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    let members: [(&str, &[u8]); 2] = [("archive/data.pkl", pickle), ("archive/data/0", storage)];
    zip(&members, CompressionMethod::Stored)
}

/// Torch's archive with one tensor `w` in a storage of four f32.
fn one(tensor: &[u8]) -> Vec<u8> {
    archive(&pickle(&[&named(tensor)]), &[63; 16])
}

fn of(operations: &[&[u8]]) -> String {
    refusal(pickle(operations), LABEL)
}

/// Torch's archive of one tensor of four f32 under this name.
pub fn archive_of(name: &str) -> Vec<u8> {
    let named = [b"}", &text(name)[..], &tensor(4, 0, &[4], &[1]), b"s"].concat();
    archive(&pickle(&[&named]), &[63; 16])
}

/// A legacy file of torch: the objects, the keys of storages, the storages with their lengths.
fn legacy(objects: &[u8], keys: &[&str], storages: &[(u64, &[u8])]) -> Vec<u8> {
    let keys: Vec<u8> = keys.iter().flat_map(|key| text(key)).collect();
    let storages: Vec<u8> =
        storages.iter().flat_map(|(count, data)| [&count.to_le_bytes(), *data].concat()).collect();
    [
        &b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."[..],
        b"\x80\x02M\xe9\x03.",
        b"\x80\x02}.",
        &pickle(&[objects]),
        &pickle(&[b"](", &keys, b"e"]),
        &storages,
    ]
    .concat()
}

/// Operations that would run a command which leaves a file behind.
fn command(marker: &str) -> Vec<u8> {
    let argument = text(&format!("touch {marker}"));
    [b"cos\nsystem\n", &argument[..], b"\x85R"].concat()
}

#[test]
fn a_call_of_os_system_is_not_executed_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("executed").display().to_string();
    let call = command(&marker);
    let legacy: &[u8] = &include_bytes!("../data/pickles/legacy.pt")[..];
    // The objects come after the magic number, the version and the machine.
    let system = legacy.windows(3).position(|w| w == b"uu.").unwrap() + 3;
    for (bytes, offset) in [
        (pickle(&[&call]), "offset 2"),
        (pickle(&[&named(&call)]), "offset 9"),
        (
            archive(&pickle(&[&named(&call)]), &[]),
            "in data.pkl, the pickle is not sound at offset 9",
        ),
        ([&legacy[..system], &pickle(&[&call])].concat(), &format!("offset {}", system + 2)),
        ([b"\x80\x04", &text("os")[..], &text("system"), b"\x93."].concat(), "offset 20"),
    ] {
        let said = refusal(bytes, LABEL);
        assert!(said.contains("`os.system`") && said.contains("nothing was executed"), "{said}");
        assert!(said.contains(offset), "{said}");
    }
    assert!(!std::path::Path::new(&marker).exists());
    // The command is one that would have left the file.
    assert!(std::process::Command::new("touch").arg(&marker).status().unwrap().success());
    assert!(std::path::Path::new(&marker).exists());
}

#[test]
fn names_that_are_not_on_the_list() {
    for (module, name) in [
        ("posix", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "getattr"),
        ("__builtin__", "apply"),
        ("builtins", "__import__"),
        ("runpy", "run_path"),
        ("torch", "load"),
        ("torch.serialization", "load"),
        ("torch._utils", "_import_dotted_name"),
        ("numpy", "load"),
        ("numpy.testing._private.utils", "runstring"),
        ("collections", "OrderedDict.__init__"),
        ("torch", "FloatStorage.from_file"),
        ("pickle", "loads"),
        ("", ""),
        ("torch.storage", "_load_from_bytes"),
        ("operator", "attrgetter"),
        ("__torch__", "Model"),
        ("os\u{202e}", "system"),
    ] {
        let line = of(&[format!("c{module}\n{name}\n").as_bytes()]);
        let stack = of(&[&text(module), &text(name), b"\x93"]);
        for said in [line, stack] {
            assert!(said.contains("is not on the list") && said.contains("offset"), "{said}");
            assert!(!said.contains('\u{202e}'));
        }
    }
}

#[test]
fn a_function_of_the_list_only_builds_data() {
    // Functions as arguments of functions, classes that are called, states of what has none.
    for operations in [
        &b"cnumpy\nndarray\n)R"[..],
        b"ctorch\nFloatStorage\n)R",
        b"ctorch\nfloat32\n)R",
        b"K\x01)R",
        b"ccollections\nOrderedDict\nK\x01R",
        b"ccollections\nOrderedDict\nK\x01\x85R",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x01))tR",
        b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN)NtR",
        b"ctorch._tensor\n_rebuild_from_type_v2\n(NN)NtR",
        b"K\x01}b",
        b"cnumpy\ndtype\n(X\x02\0\0\0f4tRK\x01b",
        b"cnumpy.core.multiarray\n_reconstruct\n)R)b",
        b"K\x01Q",
        b"(X\x07\0\0\0storageNNNNtQ",
        b"(X\x06\0\0\0moduleNNNNtQ",
    ] {
        let said = of(&[operations]);
        assert!(said.contains("is not sound at offset"), "{said}");
    }
}

#[test]
fn operations_of_other_protocols() {
    for (operation, says) in [
        (&b"(ios\nsystem\n"[..], "as protocol 0"),
        (b"(cos\n", "has no end"),
        (b"(o", "as protocol 0"),
        (b"\x82\x01", "extensions"),
        (b"Pos.system\n", "line of text"),
        (b"I1\n", "protocol 0"),
        (b"\x97", "buffers"),
        (b"S'a'\n", "protocol 0"),
        (b"g0\n", "protocol 0"),
        (b"\xff", "no operation 0xff"),
    ] {
        let said = of(&[operation]);
        assert!(said.contains(says), "{said}");
    }
    for protocol in [0, 1, 6, 255] {
        let said = refusal([b"\x80", &[protocol][..], b"N."].concat(), LABEL);
        assert!(said.contains(&format!("is of protocol {protocol}")), "{said}");
    }
    assert!(refusal(b"(dp0\n.".to_vec(), LABEL).contains("a pickle of protocol 0 or 1"));
}

#[test]
fn every_operation_on_an_empty_stack() {
    for code in 0..=255u8 {
        for marked in [&b""[..], b"(", b"N("] {
            let bytes = [b"\x80\x02", marked, &[code], &[0; 16], b"."].concat();
            assert!(refusal(bytes, LABEL).starts_with("a.pt: "));
        }
    }
}

#[test]
fn lengths_that_the_file_cannot_hold() {
    let endless = [0xff; 8];
    for (code, width) in [
        (b'X', 4),
        (0x8c, 1),
        (0x8d, 8),
        (b'B', 4),
        (b'C', 1),
        (0x8e, 8),
        (0x96, 8),
        (b'T', 4),
        (b'U', 1),
        (0x8a, 1),
        (0x8b, 4),
        (0x95, 8),
    ] {
        let bytes = pickle(&[&[code], &endless[..width]]);
        let mut said = String::new();
        let largest = largest_request(|| said = refusal(bytes, LABEL));
        assert!(said.contains("bytes are wanted, but only 1 follow"), "{code:#x}: {said}");
        assert!(largest < 4096, "{largest} bytes were asked for");
    }
}

#[test]
fn a_memo_of_a_huge_index() {
    let put = [b"r", &u32::MAX.to_le_bytes()[..]].concat();
    let bytes = pickle(&[&array(), &put, b"0j", &u32::MAX.to_le_bytes()]);
    let largest =
        largest_request(|| assert!(StateDict::from_bytes(bytes, LABEL).unwrap().read("a").is_ok()));
    assert!(largest < 8192, "{largest} bytes were asked for");
    assert!(of(&[b"j", &u32::MAX.to_le_bytes()]).contains("the memo has nothing under 4294967295"));
}

/// Forty lists, each of ten times the one before: 10^40 elements where they are written out.
#[test]
fn lists_of_lists_of_lists() {
    let level = |k: u8| [b"](", &[b'h', k].repeat(10)[..], b"eq", &[k + 1]].concat();
    let levels: Vec<u8> = (0..40).flat_map(level).collect();
    let started = Instant::now();
    let bytes = pickle(&[b"]q\0", &levels]);
    let mut said = String::new();
    let largest = largest_request(|| said = refusal(bytes, LABEL));
    assert!(said.contains("neither an array nor a tensor"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(5) && largest < 1 << 20, "{largest}");
    // With tensors at the bottom each list counts once.
    let bytes = pickle(&[b"](", &array(), b"eq\0", &levels]);
    assert_eq!(StateDict::from_bytes(bytes, LABEL).unwrap().tensors().len(), 1);
}

#[test]
fn copies_of_the_top_of_the_stack() {
    let bytes = pickle(&[b"(", &array(), &b"2".repeat(1000), b"t"]);
    assert_eq!(StateDict::from_bytes(bytes, LABEL).unwrap().tensors().len(), 1001);
}

#[test]
fn things_that_contain_themselves() {
    let bytes = pickle(&[b"]q\0h\0a}q\x01", &text("m"), b"h\x01s", &text("w"), &array(), b"s\x86"]);
    assert_eq!(StateDict::from_bytes(bytes, LABEL).unwrap().tensors()[0].name, "1.w");
}

#[test]
fn things_that_nest_deeply() {
    let lists = [&b"]".repeat(100_000)[..], &array(), &b"a".repeat(100_000)].concat();
    let tuples = [&array()[..], &b"\x85".repeat(100_000)].concat();
    let marks = b"(".repeat(100_000);
    let maps = [&b"}K\x01".repeat(100_000)[..], &array(), &b"s".repeat(100_000)].concat();
    for operations in [lists, tuples, maps] {
        assert!(of(&[&operations]).contains("lie more than 64 deep"));
    }
    assert!(of(&[&marks]).contains("the stack is empty"));
}

/// Names of four thousand bytes, a hundred thousand times.
#[test]
fn names_that_take_far_more_room_than_the_pickle() {
    let entry = |k: i32| [&int(k)[..], b"h\0"].concat();
    let entries: Vec<u8> = (0..100_000).flat_map(entry).collect();
    let bytes = pickle(&[&array(), b"q\x000}", &text(&"n".repeat(4000)), b"}(", &entries, b"us"]);
    let length = bytes.len();
    let mut said = String::new();
    let largest = largest_request(|| said = refusal(bytes, LABEL));
    assert!(said.contains("take far more room than the pickle"), "{said}");
    assert!(largest < 32 * length, "{largest} bytes were asked for, for {length}");
    let endless = text(&"n".repeat(5000));
    assert!(of(&[b"}", &endless, &array(), b"s"]).contains("longer than 4096 bytes"));
}

#[test]
fn two_tensors_of_one_name() {
    let inner = [b"}", &text("b")[..], &array(), b"s"].concat();
    let said = of(&[b"}(", &text("a.b"), &array(), &text("a"), &inner, b"u"]);
    assert!(said.contains("two tensors are called `a.b`"), "{said}");
    // A key that comes twice has its last value, as in Python.
    let bytes =
        pickle(&[b"}(", &text("a"), &array(), &text("a"), b"Nu", &text("c"), &array(), b"s"]);
    let opened = StateDict::from_bytes(bytes, LABEL).unwrap();
    assert_eq!(opened.tensors().iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[test]
fn views_that_leave_their_storage() {
    let opened = StateDict::from_bytes(one(&tensor(4, 1, &[3], &[1])), LABEL).unwrap();
    assert_eq!(opened.read("w").unwrap().values.len(), 3);
    for (offset, shape, strides, says) in [
        (2, &[3][..], &[1][..], "ends beyond its storage of 4"),
        (0, &[2, 2], &[3, 2], "ends beyond"),
        (i64::MAX, &[1], &[1], "ends beyond"),
        (-1, &[1], &[1], "its offset is not a valid size"),
        (0, &[-1], &[1], "its shape holds something that is not a size"),
        (0, &[1], &[-1], "its strides holds something that is not a size"),
        (0, &[2, 2], &[1], "does not have as many parts"),
        (0, &[1 << 62, 1 << 62], &[0, 0], "overflows"),
        (0, &[0, 1 << 62, 1 << 62], &[1, 1, 1], "overflows"),
        (0, &[2], &[i64::MAX], "ends beyond"),
        (0, &[4], &[i64::MAX], "overflows"),
        (0, &[1; 65], &[1; 65], "65 dimensions"),
    ] {
        let said = refusal(one(&tensor(4, offset, shape, strides)), LABEL);
        assert!(said.contains("tensor `w`") && said.contains(says), "{said}");
    }
}

#[test]
fn a_mark_that_changes_the_stored_numbers_is_not_left_out() {
    // _rebuild_tensor_v2 and _rebuild_tensor_v3 with an empty map of hooks and the metadata as the last argument.
    let marked = |function: &str, dtype: &[u8], metadata: &[u8]| {
        let plain = tensor(4, 0, &[2, 2], &[2, 1]);
        let arguments = plain.strip_prefix(b"ctorch._utils\n_rebuild_tensor_v2\n").unwrap();
        let arguments = arguments.strip_suffix(b"tR").unwrap();
        let call = [b"ctorch._utils\n", function.as_bytes(), b"\n"].concat();
        one(&[&call, arguments, dtype, metadata, b"tR"].concat())
    };
    let read = |bytes: Vec<u8>| {
        let opened = StateDict::from_bytes(bytes, LABEL).unwrap();
        opened.read("w").map_err(|error| error.to_string())
    };
    let set = |key: &str, value: &[u8]| [b"}", &text(key)[..], value, b"s"].concat();
    for (function, dtype) in
        [("_rebuild_tensor_v2", &b""[..]), ("_rebuild_tensor_v3", b"ctorch\nfloat32\n")]
    {
        for (key, value, says) in [
            ("neg", b"\x88", "resolve_neg"),
            ("conj", b"\x88", "resolve_conj"),
            ("other", b"\x88", "metadata"),
        ] {
            let said = read(marked(function, dtype, &set(key, value))).unwrap_err();
            assert!(said.contains("tensor `w`") && said.contains(says), "{said}");
        }
        for metadata in [b"N".to_vec(), b"}".to_vec(), set("neg", b"\x89")] {
            assert_eq!(read(marked(function, dtype, &metadata)).unwrap().values.len(), 4);
        }
    }
}

#[test]
fn a_tensor_without_stored_numbers_is_listed_and_refused() {
    let sparse = [
        &b"ctorch._utils\n_rebuild_sparse_tensor\n(ctorch\nsparse_coo\n("[..],
        &tensor(4, 0, &[2], &[1]),
        &tensor(4, 0, &[2], &[1]),
        b"ctorch\nSize\n",
        &tuple(&[3, 5]),
        b"\x85R\x88ttR",
    ]
    .concat();
    let opened = StateDict::from_bytes(one(&sparse), LABEL).unwrap();
    assert_eq!(opened.tensors()[0].shape, [3, 5]);
    let said = opened.read("w").unwrap_err().to_string();
    assert!(said.contains("tensor `w`") && said.contains("to_dense"), "{said}");
    let meta = [
        &b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat32\n"[..],
        &tuple(&[3, 5]),
        &tuple(&[5, 1]),
        b"\x89tR",
    ]
    .concat();
    let opened = StateDict::from_bytes(one(&meta), LABEL).unwrap();
    assert_eq!(opened.tensors()[0].shape, [3, 5]);
    assert!(opened.read("w").unwrap_err().to_string().contains("meta device"));
}

#[test]
fn a_view_that_repeats_one_number_without_end() {
    let opened =
        StateDict::from_bytes(one(&tensor(4, 0, &[1 << 20, 1 << 20], &[0, 0])), LABEL).unwrap();
    let mut said = String::new();
    let largest = largest_request(|| said = opened.read("w").unwrap_err().to_string());
    assert!(said.contains("`w`") && said.contains(".contiguous()"), "{said}");
    assert!(largest < 4096, "{largest} bytes were asked for");
}

#[test]
fn storages_that_are_missing_or_shorter_than_they_claim() {
    let said = refusal(one(&tensor(5, 0, &[5], &[1])), LABEL);
    assert!(said.contains("`w`: its storage `0` of 5 elements is only 16 bytes long"), "{said}");
    assert!(
        refusal(one(&tensor(i64::MAX, 0, &[1], &[1])), LABEL).contains("is only 16 bytes long")
    );
    for key in ["1", "../../../etc/passwd", "/etc/passwd", ""] {
        let said = refusal(one(&stored(key, 4, 0, &[4], &[1])), LABEL);
        assert!(
            said.contains(&format!(
                "the member `archive/data/{key}` of the zip archive is missing"
            )),
            "{said}"
        );
    }
    // A tensor of torch without a container.
    let said = of(&[&named(&tensor(4, 0, &[4], &[1]))]);
    assert!(said.contains("`w`: its numbers are not in the pickle"), "{said}");
}

#[test]
fn a_byte_order_is_kept_and_another_refused() {
    let pickle = pickle(&[&named(&tensor(1, 0, &[1], &[1]))]);
    let with = |order: &[u8]| {
        let members: [(&str, &[u8]); 3] =
            [("x/data.pkl", &pickle), ("x/data/0", &1f32.to_be_bytes()), ("x/byteorder", order)];
        zip(&members, CompressionMethod::Stored)
    };
    let opened = StateDict::from_bytes(with(b"big"), LABEL).unwrap();
    assert_eq!(opened.read("w").unwrap().values, Values::F32(vec![1.0]));
    assert!(refusal(with(b"middle"), LABEL).contains("neither little nor big"));
}

#[test]
fn zip_bombs() {
    // A pickle of a gigabyte of nothing, in a megabyte.
    let nothing = vec![b'N'; 80 << 20];
    let bomb = zip(&[("archive/data.pkl", &nothing)], CompressionMethod::Deflated);
    let mut said = String::new();
    let largest = largest_request(|| said = refusal(bomb, LABEL));
    assert!(said.contains("member `archive/data.pkl`") && said.contains("at most"), "{said}");
    assert!(largest < 1 << 20, "{largest} bytes were asked for");
    // A storage that says it is more than its bytes can become.
    let pickle = pickle(&[&named(&tensor(1 << 28, 0, &[1 << 28], &[1]))]);
    let mut bomb = zip(&[("data/0", &[0; 64]), ("data.pkl", &pickle)], CompressionMethod::Deflated);
    let entry = bomb.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    bomb[22..26].copy_from_slice(&(1u32 << 30).to_le_bytes());
    bomb[entry + 24..entry + 28].copy_from_slice(&(1u32 << 30).to_le_bytes());
    let mut said = String::new();
    let largest = largest_request(|| said = refusal(bomb, LABEL));
    assert!(said.contains("cannot become"), "{said}");
    assert!(largest < 1 << 20, "{largest} bytes were asked for");
}

#[test]
fn members_that_share_their_bytes() {
    let mut bytes = one(&tensor(4, 0, &[4], &[1]));
    let entries: Vec<usize> =
        (0..bytes.len() - 4).filter(|&at| &bytes[at..at + 4] == b"PK\x01\x02").collect();
    bytes[entries[1] + 42..entries[1] + 46].fill(0);
    assert!(refusal(bytes, LABEL).contains("share bytes"));
}

#[test]
fn arrays_whose_state_is_not_sound() {
    let good = array();
    let read = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|w| w == from).unwrap();
        let changed = [&good[..at], to, &good[at + from.len()..]].concat();
        StateDict::from_bytes(pickle(&[&named(&changed)]), LABEL)
            .and_then(|opened| opened.read("w"))
            .unwrap_err()
            .to_string()
    };
    for (from, to, says) in [
        (&b"K\x04\x85"[..], &b"K\x05\x85"[..], "its shape [5] of f32 does not fit its 16 bytes"),
        (b"K\x04\x85", b"J\xff\xff\xff\xff\x85", "holds something that is not a size"),
        (
            b"K\x04\x85",
            b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85",
            "does not fit its 16 bytes",
        ),
        (b"K\x04\x85", b"N", "its shape is not a tuple"),
        (b"X\x02\0\0\0f4", b"X\x02\0\0\0O8", "Python objects"),
        (b"X\x02\0\0\0f4", b"X\x02\0\0\0zz", "is not known"),
        (b"X\x02\0\0\0f4", b"N", "has no name"),
        (b"X\x01\0\0\0<", b"X\x01\0\0\0?", "is not known"),
        (b"X\x01\0\0\0<", b"N", "no byte order"),
    ] {
        let said = read(from, to);
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn more_after_the_end() {
    let said = refusal([pickle(&[&array()]), pickle(&[b"N"])].concat(), LABEL);
    assert!(said.contains("one pickle per file is read"), "{said}");
}

#[test]
fn truncated_anywhere() {
    check_every_prefix(include_bytes!("../data/pickles/legacy.pt"), LABEL);
    check_every_prefix(include_bytes!("../data/pickles/zip.pt"), LABEL);
    for bytes in [
        &include_bytes!("../data/pickles/numpy-2.pkl")[..],
        include_bytes!("../data/pickles/numpy-5.pkl"),
    ] {
        check_every_prefix(bytes, LABEL);
    }
}

#[test]
fn a_legacy_file_whose_storages_are_not_what_it_says() {
    let objects = named(&tensor(4, 0, &[4], &[1]));
    let four = [63u8; 16];
    let read = StateDict::from_bytes(legacy(&objects, &["0"], &[(4, &four)]), LABEL).unwrap();
    assert_eq!(read.read("w").unwrap().values.len(), 4);
    for (keys, storages, says) in [
        (&[][..], &[][..], "`w`: the storage `0` is missing"),
        (&["1"], &[(4, &four[..])], "no tensor names the storage `1`"),
        (&["0"], &[(3, &four[..12])], "its storage `0` of 4 elements is only 12 bytes long"),
        (
            &["0"],
            &[(u64::MAX, &four)],
            "claims 18446744073709551615 elements of 4 bytes, but only 16",
        ),
        (&["0"], &[(1 << 62, &four)], "claims 4611686018427387904 elements"),
        (&["0"], &[(5, &four)], "claims 5 elements"),
        (&["0"], &[(3, &four)], "4 bytes follow the last storage"),
        (&["0", "0"], &[(4, &four), (4, &four)], "`0` occurs twice"),
        (&["0"], &[], "is cut short"),
    ] {
        let said = refusal(legacy(&objects, keys, storages), LABEL);
        assert!(said.contains(says), "{said}");
    }
    let mut version = legacy(&objects, &["0"], &[(4, &four)]);
    version[18] = 0xea;
    assert!(refusal(version, LABEL).contains("does not have the version 1001"));
}

/// In old legacy files a storage may be a part of another.
#[test]
fn a_storage_that_is_a_part_of_another() {
    let part = |from: i64, count: i64, offset: i64, length: i64| {
        let view = [b"(", &text("9")[..], &long(from), &long(count), b"t"].concat();
        let whole = tensor(4, offset, &[length], &[1]);
        let at = whole.windows(2).position(|w| w == b"tQ").unwrap();
        legacy(&named(&[&whole[..at], &view, &whole[at..]].concat()), &["0"], &[(4, &numbers())])
    };
    let read = |bytes| StateDict::from_bytes(bytes, LABEL).unwrap().read("w").unwrap().values;
    assert_eq!(read(part(1, 3, 1, 2)), Values::F32(vec![2.0, 3.0]));
    for (from, count, offset, length) in
        [(1, 3, 1, 3), (2, 3, 0, 1), (i64::MAX, 1, 0, 1), (0, 1, 1, 1)]
    {
        assert!(
            refusal(part(from, count, offset, length), LABEL).contains("ends beyond its storage")
        );
    }
}

fn numbers() -> Vec<u8> {
    (0..4).flat_map(|k| (k as f32).to_le_bytes()).collect()
}
