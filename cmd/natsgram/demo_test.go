package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/natsgram/natsgram/schemas"
)

// The box of the demo speaks the layer of NATSGRAM_SCHEMA, as the daemon does.
func TestDemoSpeaksTheLayerThatIsSet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "next.tl")
	next := bytes.Replace(schemas.API(), []byte("// LAYER 228"), []byte("// LAYER 999"), 1)
	if err := os.WriteFile(file, next, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATSGRAM_SCHEMA", file)
	set, err := demoSettings(t.Context(), t.TempDir(), demoOptions{port: -1})
	if err != nil {
		t.Fatal(err)
	}
	town, err := demoTown(set)
	if err != nil {
		t.Fatal(err)
	}
	defer town.server.Close()
	if town.layer != 999 {
		t.Errorf("layer %d", town.layer)
	}
}
