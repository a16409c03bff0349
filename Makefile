# Everything that people and CI do with the tree. `make` alone lists it.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 30s
# How long the torture test does harm, and its seed; 0 draws a new one.
TORTURE  ?= 5m
SEED     ?= 0
# 2 cores hold one large link at a time well; more only makes them wait for each other.
TESTFLAGS ?= -count=1 -timeout=15m

.DEFAULT_GOAL := help
.PHONY: help build test unit race sim nightly fuzz bench bench-build lint generate check e2e torture crowd nats-versions

help: ## what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

build: ## bin/natsgram, as the image has it
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/natsgram ./cmd/natsgram

test: unit e2e ## every test: vet, all packages, then against other people's software

unit: ## vet and the tests of every package of this module
	$(GO) vet ./...
	$(GO) test $(TESTFLAGS) ./...

race: ## the same under the race detector
	$(GO) test -race $(TESTFLAGS) ./...
	cd e2e && $(GO) test -race $(TESTFLAGS) ./...

e2e: ## black-box tests: gotd/td, TDLib, mtcute, the nats CLI, nats.js, proxies (fetches them from their registries)
	cd e2e && $(GO) vet ./... && $(GO) test $(TESTFLAGS) ./...

torture: ## kills, freezes and cuts of daemons and nats-servers for TORTURE (5m), one server, then a cluster of three, then faults planted into the daemon
	cd e2e && $(GO) test ./torture -count=1 -v -timeout=0 -run TestTorture -torture.for=$(TORTURE) -torture.seed=$(SEED)
	cd e2e && $(GO) test ./torture -count=1 -v -timeout=0 -run TestTorture -torture.for=$(TORTURE) -torture.seed=$(SEED) -torture.servers=3 -torture.daemons=3
	cd e2e && $(GO) test ./torture -count=1 -v -timeout=0 -run TestMutants -torture.mutants
	cd e2e && $(GO) test ./torture -count=1 -v -timeout=0 -run TestFilesKilled -files.mib=4096
	cd e2e && $(GO) test . -count=1 -v -timeout=0 -run TestUploadSurvivesKill -files.mib=4000
	cd e2e && $(GO) test ./torture -count=1 -v -timeout=0 -run TestEraseKilled -erase.rounds=20 -erase.seed=$(SEED)

crowd: ## CROWD (1000) accounts on three daemons, one of which is killed: how long until all are served again, and what it takes
	cd e2e && $(GO) test ./torture -count=1 -v -timeout=0 -run TestCrowd -torture.crowd=$(or $(CROWD),1000)

nats-versions: ## the daemon on other versions of nats-server, which are built first: minutes
	cd e2e && $(GO) test . -count=1 -v -timeout=0 -run TestNatsVersions -nats.versions=v2.10.29,v2.11.10,v2.12.15,v2.14.10,v2.15.3

sim: ## simulated sessions: 2,000 seeds with every fault that there is
	$(GO) test -count=1 -run 'TestSeeds|TestReplay|TestMutants' ./mtproto/sim -sim.seeds=2000 -v

nightly: ## the same, a million seeds, other ones every night (SEEDS, FROM)
	$(GO) test -count=1 -run 'TestSeeds' -timeout=12h ./mtproto/sim -sim.seeds=$(or $(SEEDS),1000000) -sim.from=$(or $(FROM),$$(date +%Y%m%d)0000000) -v
	$(GO) test -count=1 -run 'TestModel' -timeout=2h ./bridge/chats -seeds=$(or $(DIALOGS),1000) -seed=$(or $(FROM),$$(date +%Y%m%d)000)
	$(GO) test -count=1 -run 'TestSpeedLimit$$' ./mtproto/files -files.mib=1024 -v
	cd e2e && $(GO) test -count=1 -run 'TestBesideTDLib' -timeout=2h ./partners -partners.seeds=$(or $(PARTNERS),200) -partners.from=$(or $(FROM),$$(date +%Y%m%d)000) -v

fuzz: ## every fuzz target for FUZZTIME (30s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$pkg; \
	  done; \
	done

bench: ## every benchmark once, with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-build: ## time, memory and binary size of programs on our API and on gotd/td's, each built into an empty cache (minutes)
	cd e2e && $(GO) run ./benchbuild

lint: ## golangci-lint, the version that .golangci.yml is written for
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...
	cd e2e && $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run -c ../.golangci.yml ./...

generate: ## write again all that is generated from schemas/
	@# One file at a time: a layer can do without a namespace, and go generate ./... wants to read the file that went with it.
	@set -e; for f in $$(grep -rl --include='*.go' '^//go:generate' mtproto tl cmd); do $(GO) generate $$f; done

check: ## what a reviewer looks for first: formatting, protocol coverage, generated files, schema ids, module files
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || (echo "gofmt the files above" >&2; exit 1)
	$(GO) vet ./...
	$(GO) mod tidy -diff
	cd e2e && $(GO) mod tidy -diff
	$(GO) test -count=1 -run TestChecklist -v ./cmd/natsgram | grep -E '^    checklist|^(---|ok|FAIL)'
	$(GO) run ./cmd/natsgram schema check schemas/api.tl schemas/mtproto.tl schemas/secret.tl
	$(MAKE) generate && git diff --exit-code -- mtproto/mt tl/tg schemas/npm
