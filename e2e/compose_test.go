package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCompose has the compose client, where one is installed, read docker-compose.yml. No engine is needed for that.
func TestCompose(t *testing.T) {
	command := composeClient(t)
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "docker-compose.yml"), text, 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	for _, name := range []string{"api_hash", "seal"} {
		must(t, os.WriteFile(filepath.Join(dir, "secrets", name), nil, 0o600))
	}
	must(t, build(dir, nil, command[0], append(command[1:], "config", "-q")...))
}

func composeClient(t *testing.T) []string {
	t.Helper()
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	if _, err := exec.LookPath("docker-compose"); err == nil {
		return []string{"docker-compose"}
	}
	t.Skip("no docker compose client is installed")
	return nil
}
