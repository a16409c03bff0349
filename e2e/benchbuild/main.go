// Command benchbuild measures what it costs to build programs on this module's generated API and on gotd/td's: time, peak
// memory and the size of the binary. Every program is built into an empty build cache, all in one run, so that the figures
// can be compared with each other whatever the machine is. `make bench-build` calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// programs are folders below programs/. "call" makes one call over an Invoker and so needs the generated API alone; "client"
// signs a bot in and sends a message; "bus" makes the call, and "updates" reads updates, over NATS, so that most of what they
// cost is nats.go. "nothing" shows what the standard library takes of it.
var programs = []string{"nothing", "natsgram-call", "gotd-call", "natsgram-client", "gotd-client", "natsgram-bus", "natsgram-updates"}

func main() {
	only := flag.String("only", "", "comma-separated programs, all by default")
	flag.Parse()
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "benchbuild:", err)
		os.Exit(1)
	}
}

func run(only string) error {
	fmt.Printf("%-16s %10s %10s %12s %12s\n", "program", "build s", "CPU s", "peak MB", "binary MB")
	built := map[string]result{}
	for _, name := range programs {
		if only != "" && !strings.Contains(","+only+",", ","+name+",") {
			continue
		}
		r, err := build(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		built[name] = r
		fmt.Printf("%-16s %10.1f %10.1f %12.0f %12.1f\n", name, r.wall.Seconds(), r.cpu.Seconds(), r.peak/1e6, r.binary/1e6)
	}
	for _, kind := range []string{"call", "client"} {
		ours, theirs := built["natsgram-"+kind], built["gotd-"+kind]
		if ours.wall > 0 && theirs.wall > 0 {
			fmt.Printf("%-16s %10.3f %10.3f %12.3f %12.3f\n", "ratio "+kind, ours.wall.Seconds()/theirs.wall.Seconds(),
				ours.cpu.Seconds()/theirs.cpu.Seconds(), ours.peak/theirs.peak, ours.binary/theirs.binary)
		}
	}
	return nil
}

// result is what one build took. Peak is that of the largest process, in bytes; binary is without debugging information.
type result struct {
	wall, cpu    time.Duration
	peak, binary float64
}

func build(name string) (r result, err error) {
	cache, err := os.MkdirTemp("", "benchbuild")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(cache) }() // in the temporary directory, whatever is left
	bin := filepath.Join(cache, "program")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./benchbuild/programs/"+name)
	cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(cache, "go"), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return r, err
	}
	r.wall, r.cpu = time.Since(start), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.peak = float64(usage.Maxrss) * 1024 // Linux counts in kilobytes, the largest of all children
	}
	info, err := os.Stat(bin)
	if err != nil {
		return r, err
	}
	r.binary = float64(info.Size())
	return r, nil
}
