package settings

import (
	"fmt"
	"strconv"
	"strings"
)

// Storage is what concerns all streams and buckets.
type Storage struct {
	Limits  []string `envconfig:"NATSGRAM_LIMITS" desc:"bytes of the streams and buckets beside that of updates, as name=size: events=64MB,sessions=16MB; names as natsgram storage shows them, -1: none"`
	Cluster string   `envconfig:"NATSGRAM_PLACEMENT_CLUSTER" desc:"NATS cluster that new streams and buckets are placed in"`
	Tags    []string `envconfig:"NATSGRAM_PLACEMENT_TAGS" desc:"tags of the servers that new streams and buckets are placed on"`
}

// LimitsOf reads NATSGRAM_LIMITS: bytes by name in capitals, -1 for none.
func (s Storage) LimitsOf() (map[string]int64, error) {
	limits := map[string]int64{}
	for _, text := range s.Limits {
		name, size, named := strings.Cut(strings.TrimSpace(text), "=")
		n, err := ParseBytes(size)
		if !named || name == "" || err != nil {
			return nil, fmt.Errorf("NATSGRAM_LIMITS: want name=size such as events=64MB, got %.40q", text)
		}
		limits[strings.ToUpper(name)] = n
	}
	return limits, nil
}

// ParseBytes reads a number of bytes: 1048576, 1024KB, 1MB, 1GB, or -1 for no limit.
func ParseBytes(text string) (int64, error) {
	text = strings.ToUpper(strings.TrimSpace(text))
	unit := int64(1)
	for suffix, size := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40} {
		if digits, found := strings.CutSuffix(text, suffix); found {
			text, unit = digits, size
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n == 0 || n < 0 && (n != -1 || unit != 1) || n > (1<<62)/unit {
		return 0, fmt.Errorf("want a number of bytes such as 64MB, or -1, got %.40q", text)
	}
	return n * unit, nil
}
