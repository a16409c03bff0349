package tg

import (
	"encoding/binary"
	"slices"
)

// methodName is an entry of the table of methods, which costs a program that uses it some 40 KB and links no type.
type methodName struct {
	id   uint32
	name string
}

// MethodName is the method that an encoded call is of, as in the schema: messages.sendMessage. Of a call within a call it is
// the outer one's. False: this layer has no such method.
func MethodName(query []byte) (string, bool) {
	if len(query) < 4 {
		return "", false
	}
	id := binary.LittleEndian.Uint32(query)
	i, ok := slices.BinarySearchFunc(methodNames[:], id, func(m methodName, id uint32) int {
		switch {
		case m.id < id:
			return -1
		case m.id > id:
			return 1
		}
		return 0
	})
	if !ok {
		return "", false
	}
	return methodNames[i].name, true
}
