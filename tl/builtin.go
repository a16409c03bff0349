package tl

import "strings"

// builtins are the types that a reader of TL knows without a schema, with the id that a declaration of them carries in
// the files that have one: `int#a8509bda ? = Int;` (H7). 0: declarations have none, or none that all files agree on.
// They are accepted and not kept: what they mean on the wire is fixed.
var builtins = map[string]uint32{
	"int": 0xa8509bda, "long": 0x22076cba, "double": 0x2210c154, "string": 0xb5286e24, "bytes": 0xe937bb82,
	"int128": 0, "int256": 0, "vector": 0x1cb5c415,
}

// known are the type names that need no declaration. The constructors boolTrue, boolFalse and true may be declared
// all the same, as Telegram's files do.
var known = map[string]bool{
	"#": true, "int": true, "long": true, "double": true, "string": true, "bytes": true, "int128": true, "int256": true,
	"true": true, "Bool": true, "Object": true,
}

func isVector(name string) bool { return name == "Vector" || name == "vector" }

// lowerName reports whether the last part of a dotted name starts with a small letter: a constructor, a function or a
// bare type.
func lowerName(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return last != "" && last[0] >= 'a' && last[0] <= 'z'
}

// validName is what the language calls an identifier, with optional namespaces before it.
func validName(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || part[0] >= '0' && part[0] <= '9' {
			return false
		}
		for i := range len(part) {
			if !wordByte(part[i]) {
				return false
			}
		}
	}
	return true
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.'
}
