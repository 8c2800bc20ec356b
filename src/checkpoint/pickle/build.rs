//! Builds data from the calls, states and external storages of a pickle.

use super::allow::Global;
use super::value::{Array, EMPTY, Id, Storage, Value, View};

/// The result of a call.
pub(super) enum Made {
    /// A new value.
    Value(Value),
    /// A value that exists already.
    Same(Id),
}

/// Builds the result of calling `global`, without running anything.
pub(super) fn call(
    values: &[Value],
    bytes: &[u8],
    global: Global,
    arguments: &[Id],
) -> Result<Made, String> {
    let short = || format!("a call has {} arguments, which are too few", arguments.len());
    let at = |index: usize| arguments.get(index).copied().ok_or_else(short);
    Ok(Made::Value(match global {
        Global::Map => match arguments.first().map(|&id| &values[id]) {
            None => Value::Dict(Vec::new()),
            Some(Value::Dict(_)) => return at(0).map(Made::Same),
            Some(Value::List(_) | Value::Tuple(_)) => Value::Pairs(at(0)?),
            Some(_) => {
                return Err("a map is made of something that is neither a map nor pairs".into());
            }
        },
        Global::DefaultMap => Value::Dict(Vec::new()),
        Global::Sequence => match arguments.first().map(|&id| &values[id]) {
            None => Value::List(Vec::new()),
            Some(Value::List(_) | Value::Tuple(_)) => return at(0).map(Made::Same),
            Some(_) => return Err("a list is made of something that is not a list".into()),
        },
        Global::Encode => Value::Latin1(at(0)?),
        Global::ByteArray => match arguments.first() {
            None => Value::Bytes(0..0),
            Some(&id) => return Ok(Made::Same(id)),
        },
        Global::Reconstruct => Value::Array(None),
        Global::FromBuffer => {
            let fortran =
                matches!(&values[at(3)?], Value::Text(order) if &bytes[order.clone()] == b"F");
            Value::Array(Some(Array { data: at(0)?, dtype: at(1)?, shape: at(2)?, fortran }))
        }
        Global::Scalar => {
            Value::Array(Some(Array { dtype: at(0)?, data: at(1)?, shape: EMPTY, fortran: false }))
        }
        Global::Dtype => Value::Dtype { code: at(0)?, order: None, fields: false },
        Global::RebuildTensor => {
            let lazy = arguments.get(6).and_then(|&id| lazy(values, bytes, id));
            Value::Tensor(view(values, arguments, None, lazy)?)
        }
        Global::RebuildTensorV3 => {
            let dtype = match values[at(6)?] {
                Value::Global(Global::TorchType(dtype)) => dtype,
                _ => return Err("a tensor's element type is not known".into()),
            };
            let lazy = arguments.get(7).and_then(|&id| lazy(values, bytes, id));
            Value::Tensor(view(values, arguments, Some(dtype), lazy)?)
        }
        Global::RebuildRefused(why) => Value::Tensor(view(values, arguments, None, Some(why))?),
        Global::RebuildAbsent(kind, why) => {
            Value::Absent { kind, shape: shape_among(values, arguments), why }
        }
        Global::RebuildParameter => return at(0).map(Made::Same),
        Global::RebuildFromType => {
            let (Value::Global(function), Value::Tuple(inner)) = (&values[at(0)?], &values[at(2)?])
            else {
                return Err("a tensor of a class of its own is not made as torch makes it".into());
            };
            if *function == Global::RebuildFromType {
                return Err("a tensor of a class of its own is made of another such".into());
            }
            return call(values, bytes, *function, inner);
        }
        Global::Opaque => Value::Opaque,
        Global::NdArray | Global::Storage(_) | Global::TorchType(_) => {
            return Err("it calls a class that is only named".into());
        }
    }))
}

/// Returns why the stored numbers are not those of the tensor, by its metadata: torch keeps a negation or conjugation
/// as a mark until the result is needed.
fn lazy(values: &[Value], bytes: &[u8], metadata: Id) -> Option<&'static str> {
    const OTHER: &str =
        "its metadata change its numbers in a way that is not known; save it after .clone()";
    let entries = match &values[metadata] {
        Value::None => return None,
        Value::Dict(entries) => entries,
        _ => return Some(OTHER),
    };
    let mut set = entries
        .iter()
        .filter(|(_, value)| !matches!(values[*value], Value::Bool(false) | Value::None));
    let (key, _) = set.next()?;
    let name = match &values[*key] {
        Value::Text(name) => &bytes[name.clone()],
        _ => &[],
    };
    Some(match name {
        b"neg" => {
            "it is the negation of its stored numbers (a lazy one of torch); save it after .resolve_neg()"
        }
        b"conj" => {
            "it is the conjugate of its stored numbers (a lazy one of torch); save it after .resolve_conj()"
        }
        _ => OTHER,
    })
}

/// Returns the first tuple of sizes among the arguments and their elements.
fn shape_among(values: &[Value], arguments: &[Id]) -> Id {
    let of_sizes = |id: &Id| match &values[*id] {
        Value::Tuple(parts) | Value::List(parts) => {
            parts.iter().all(|&part| matches!(values[part], Value::Int(_)))
        }
        _ => false,
    };
    let within = arguments.iter().flat_map(|id| match &values[*id] {
        Value::Tuple(parts) if !of_sizes(id) => parts.as_slice(),
        _ => std::slice::from_ref(id),
    });
    within.copied().find(of_sizes).unwrap_or(EMPTY)
}

/// Returns the tensor of `_rebuild_tensor` and the like: storage, offset, shape, strides.
fn view(
    values: &[Value],
    arguments: &[Id],
    dtype: Option<&'static str>,
    refusal: Option<&'static str>,
) -> Result<View, String> {
    match *arguments {
        [storage, offset, shape, strides, ..] if matches!(values[storage], Value::Storage(_)) => {
            Ok(View { storage, offset, shape, strides, dtype, refusal })
        }
        _ => Err("a tensor is not made of a storage, an offset, a shape and strides".into()),
    }
}

/// Sets the state of `target`, as `__setstate__` does.
pub(super) fn state(
    values: &mut [Value],
    bytes: &[u8],
    target: Id,
    state: Id,
) -> Result<(), String> {
    let fields = match &values[state] {
        Value::Tuple(fields) => fields.as_slice(),
        _ => &[],
    };
    let new = match (&values[target], fields) {
        // The fields are: version, shape, element type, order, data.
        (Value::Array(None), &[_, shape, dtype, order, data]) => {
            let fortran = matches!(values[order], Value::Bool(true));
            Value::Array(Some(Array { shape, dtype, fortran, data }))
        }
        (Value::Array(_), _) => return Err("the state of an array is not what numpy writes".into()),
        // The fields are: version, byte order, subarray, names and fields of records, and more.
        (&Value::Dtype { code, .. }, &[_, order, subarray, names, ..]) => {
            let order = match &values[order] {
                Value::Text(mark) | Value::Bytes(mark) if mark.len() == 1 => bytes[mark.start],
                _ => return Err("an element type has no byte order".into()),
            };
            let plain = |id: Id| matches!(values[id], Value::None);
            Value::Dtype { code, order: Some(order), fields: !plain(subarray) || !plain(names) }
        }
        (Value::Dtype { .. }, _) => {
            return Err("the state of an element type is not what numpy writes".into());
        }
        // The state holds the attributes of an object; maps and tensors have no tensors in their attributes.
        (Value::Dict(_) | Value::Pairs(_) | Value::Opaque | Value::Tensor(_), _) => return Ok(()),
        _ => return Err("it sets the state of what has none".into()),
    };
    values[target] = new;
    Ok(())
}

/// Returns the storage of torch that a persistent id names.
pub(super) fn storage(values: &[Value], bytes: &[u8], id: Id) -> Result<Value, String> {
    let Value::Tuple(fields) = &values[id] else {
        return Err("it names outside data that are not a storage of torch".into());
    };
    let (&[kind, class, key, _location, count], rest) =
        fields.split_first_chunk().ok_or("a storage has fewer than five fields")?;
    if !matches!(&values[kind], Value::Text(kind) if &bytes[kind.clone()] == b"storage") {
        return Err("it names outside data that are not a storage of torch".into());
    }
    let Value::Global(Global::Storage(dtype)) = values[class] else {
        return Err("a storage is of no class that is known".into());
    };
    if !matches!(values[key], Value::Text(_)) {
        return Err("the key of a storage is not text".into());
    }
    let size = |id: Id| match values[id] {
        Value::Int(number) => usize::try_from(number).ok(),
        _ => None,
    };
    let count = size(count).ok_or("the length of a storage is not a valid size")?;
    let part = match rest.first().map(|&id| &values[id]) {
        None | Some(Value::None) => None,
        // The fields of the view: key, first element, number of elements.
        Some(Value::Tuple(view)) => match view[..] {
            [_, from, length] => size(from).zip(size(length)),
            _ => return Err("a view of a storage does not have three fields".into()),
        },
        Some(_) => return Err("a view of a storage is not a tuple".into()),
    };
    Ok(Value::Storage(Storage { dtype, key, count, part }))
}
