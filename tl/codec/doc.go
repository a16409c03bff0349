// Package codec turns TL bytes into JSON or MessagePack and back, by tables made once from a [tl.Schema].
//
// Nothing is built in between: one pass over the input appends to the caller's buffer. From TL to text nothing is
// allocated but what that buffer grows by. A [View] reads single fields straight from TL bytes by the same tables, and
// [Schema.Encode] writes TL from Go maps by field names, so that a program can work with a layer it was not compiled for.
//
// # The mapping
//
// JSON and MessagePack share it:
//
//   - An object is a map; its constructor stands first, under "_". On input keys may stand in any order, and "_" may
//     be left out where only one constructor is possible. A name may carry its id, "_": "peerUser#59511722"; written so
//     only where a function and a constructor share a name in a place that takes both.
//   - A call is the map of its parameters; a call inside a call (the query of a wrapper) carries its method in "_".
//   - Flags fields never appear: they follow from which fields are present (H3). Bits that no field describes are
//     dropped. Fields that share a bit must be given together or not at all.
//   - A true flag is true or absent; false, and null for any optional field, mean absent on input.
//   - Vector is an array, Bool is true or false, int is a number.
//   - long is a decimal string in JSON and always the 9-byte int64 in MessagePack, so that readers which map widths to
//     types see one type. Numbers and decimal strings are accepted for int and long in both, and a number with a zero
//     fraction; the range is checked exactly.
//   - double is a number, in JSON the shortest that reads back the same. What JSON has no number for is a string:
//     "NaN", "Infinity", "-Infinity", and "NaN:" with 16 hex digits for a NaN of other bits than 7ff8000000000000.
//   - bytes, int128 and int256 are base64 (standard, padded) in JSON and bin in MessagePack. On input base64 may lack
//     its padding or use the URL alphabet; MessagePack may have a str, whose bytes are taken as they are.
//   - string is a string. One that is not UTF-8, which TL can carry, is {"base64": "..."} in JSON and bin in MessagePack;
//     both are accepted for every string.
//   - boolTrue and boolFalse are true and false wherever an object of any class stands. The class True is {"_": "true"}
//     and Null {"_": "null"}; plain true and null are accepted.
//
// JSON input is held to RFC 8259: no trailing commas, no control characters, no invalid UTF-8; a key twice in an object is
// an error. A lone surrogate escape becomes U+FFFD, as in encoding/json.
//
// # Limits
//
// Values nest at most [MaxDepth] deep, counts are bounded by the bytes that are left, and what is written for one
// value by [MaxOutput] (H2, H8).
package codec
