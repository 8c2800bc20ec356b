//! The allow-list of names in a pickle. Nothing is imported: each name stands for data to build instead.
//!
//! The names are those that `torch.save` and numpy write, as `torch/_weights_only_unpickler.py` and numpy's
//! `__reduce__` methods list them, and the containers of Python's own library.

/// What a name of the allow-list stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    /// `dict`, `OrderedDict`, `Counter`: made from nothing, from pairs or from a map.
    Map,
    /// `defaultdict`: made from a factory, then filled as a map.
    DefaultMap,
    /// `set`, `frozenset`, `list`, `torch.Size`: the elements of the argument.
    Sequence,
    /// `_codecs.encode`: bytes from text.
    Encode,
    /// `bytearray` and `bytes`, made from bytes or from nothing.
    ByteArray,
    /// `numpy.ndarray`, which may occur only as an argument.
    NdArray,
    /// `_reconstruct`: an array of numpy whose state follows.
    Reconstruct,
    /// `_frombuffer`: an array of numpy as protocol 5 writes it.
    FromBuffer,
    /// `scalar`: an array of numpy without dimensions.
    Scalar,
    /// `numpy.dtype`: an element type.
    Dtype,
    /// `_rebuild_tensor` and its second version: a tensor of torch.
    RebuildTensor,
    /// `_rebuild_tensor_v3`: a tensor of torch, with its element type.
    RebuildTensorV3,
    /// A function that makes a tensor whose numbers cannot be read, with the reason.
    RebuildRefused(&'static str),
    /// A function that makes a tensor that is not a view of one storage, with its kind and why it cannot be read.
    RebuildAbsent(&'static str, &'static str),
    /// `_rebuild_parameter`: the tensor that is its argument.
    RebuildParameter,
    /// `_rebuild_from_type_v2`: calls a function of this list; its arguments are the function, a type, the arguments
    /// and a state.
    RebuildFromType,
    /// A class of storages, with torch's name of their elements.
    Storage(&'static str),
    /// An element type of torch.
    TorchType(&'static str),
    /// A class or function whose objects are not examined.
    Opaque,
}

/// The modules of numpy that rebuild arrays, before and after version 2.
const ARRAYS: [&str; 2] = ["numpy.core.multiarray", "numpy._core.multiarray"];

/// Returns what `name` of `module` stands for; `None` for a name that is not on the list.
pub(super) fn find(module: &str, name: &str) -> Option<Global> {
    const QUANTIZED: &str = "it is a quantised tensor of torch; save it dequantised";
    Some(match (module, name) {
        ("collections", "OrderedDict" | "Counter") => Global::Map,
        ("builtins" | "__builtin__", "dict") => Global::Map,
        ("collections", "defaultdict") => Global::DefaultMap,
        ("builtins" | "__builtin__", "set" | "frozenset" | "list") => Global::Sequence,
        ("builtins" | "__builtin__", "bytearray" | "bytes") => Global::ByteArray,
        ("builtins" | "__builtin__", "int" | "float" | "str" | "complex" | "bool") => {
            Global::Opaque
        }
        ("_codecs", "encode") => Global::Encode,
        ("argparse", "Namespace") => Global::Opaque,

        ("numpy", "ndarray") => Global::NdArray,
        ("numpy", "dtype") => Global::Dtype,
        (module, "_reconstruct") if ARRAYS.contains(&module) => Global::Reconstruct,
        (module, "scalar") if ARRAYS.contains(&module) => Global::Scalar,
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Global::FromBuffer,

        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_tensor_v3") => Global::RebuildTensorV3,
        ("torch._utils", "_rebuild_qtensor") => Global::RebuildRefused(QUANTIZED),
        ("torch._utils", "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor") => {
            Global::RebuildAbsent(
                "sparse",
                "it is a sparse tensor of torch; save it after .to_dense()",
            )
        }
        ("torch._utils", "_rebuild_meta_tensor_no_storage") => Global::RebuildAbsent(
            "meta",
            "it is on torch's meta device: its numbers are not stored",
        ),
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            Global::RebuildParameter
        }
        ("torch._tensor", "_rebuild_from_type_v2") => Global::RebuildFromType,
        ("torch", "Size") => Global::Sequence,
        ("torch", "device" | "Tensor" | "strided" | "sparse_coo" | "sparse_csr") => Global::Opaque,
        ("torch", "per_tensor_affine" | "per_channel_affine") => Global::Opaque,
        ("torch.nn.parameter", "Parameter" | "Buffer") => Global::Opaque,
        ("torch._tensor", "Tensor") => Global::Opaque,
        ("torch.serialization", "_get_layout") => Global::Opaque,
        ("torch.storage", "UntypedStorage") | ("torch", "UntypedStorage") => {
            Global::Storage("uint8")
        }
        ("torch" | "torch.cuda", name) => return torch(name),
        _ => return None,
    })
}

/// Returns a storage class or element type of torch.
fn torch(name: &str) -> Option<Global> {
    const STORAGES: [(&str, &str); 16] = [
        ("HalfStorage", "float16"),
        ("BFloat16Storage", "bfloat16"),
        ("FloatStorage", "float32"),
        ("DoubleStorage", "float64"),
        ("CharStorage", "int8"),
        ("ByteStorage", "uint8"),
        ("ShortStorage", "int16"),
        ("IntStorage", "int32"),
        ("LongStorage", "int64"),
        ("BoolStorage", "bool"),
        ("ComplexFloatStorage", "complex64"),
        ("ComplexDoubleStorage", "complex128"),
        ("QInt8Storage", "qint8"),
        ("QUInt8Storage", "quint8"),
        ("QInt32Storage", "qint32"),
        ("QUInt4x2Storage", "quint4x2"),
    ];
    if let Some((_, dtype)) = STORAGES.iter().find(|(class, _)| *class == name) {
        return Some(Global::Storage(dtype));
    }
    WIDTHS.iter().find(|(dtype, _)| *dtype == name).map(|(dtype, _)| Global::TorchType(dtype))
}

/// The element types of torch, with their widths in bytes.
const WIDTHS: [(&str, usize); 23] = [
    ("float16", 2),
    ("bfloat16", 2),
    ("float32", 4),
    ("float64", 8),
    ("int8", 1),
    ("uint8", 1),
    ("int16", 2),
    ("uint16", 2),
    ("int32", 4),
    ("uint32", 4),
    ("int64", 8),
    ("uint64", 8),
    ("bool", 1),
    ("complex64", 8),
    ("complex128", 16),
    ("qint8", 1),
    ("quint8", 1),
    ("qint32", 4),
    ("quint4x2", 1),
    ("float8_e4m3fn", 1),
    ("float8_e5m2", 1),
    ("float8_e4m3fnuz", 1),
    ("float8_e5m2fnuz", 1),
];

/// Returns the bytes per element of a type that [`find`] returned.
pub(super) fn width(dtype: &str) -> usize {
    WIDTHS.iter().find(|(name, _)| *name == dtype).map_or(1, |(_, width)| *width)
}
