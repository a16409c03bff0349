package storage

import (
	"fmt"
	"slices"

	"github.com/natsgram/natsgram/bridge/settings"
)

// FromSettings is what the settings say of storage.
func FromSettings(s settings.Settings) (Options, error) {
	limits, err := s.LimitsOf()
	if err != nil {
		return Options{}, err
	}
	for name := range limits {
		if !slices.ContainsFunc(table, func(it Item) bool { return it.Name == name && name != Updates }) {
			return Options{}, fmt.Errorf("NATSGRAM_LIMITS: there is nothing called %.40q to limit (that of updates is NATSGRAM_UPDATES_MAX_BYTES)", name)
		}
	}
	d := settings.Defaults() // what a program changed of them is set as well
	if s.IsSet("NATSGRAM_UPDATES_MAX_BYTES") || s.MaxBytes != d.MaxBytes {
		limits[Updates] = s.MaxBytes
	}
	o := Options{Scheme: s.Scheme(), Limits: limits, Cluster: s.Cluster, Tags: s.Tags}
	o.Replicas.Value, o.Replicas.Set = s.Replicas, s.IsSet("NATSGRAM_REPLICAS") || s.Replicas != d.Replicas
	o.MaxAge.Value, o.MaxAge.Set = s.MaxAge, s.IsSet("NATSGRAM_UPDATES_MAX_AGE") || s.MaxAge != d.MaxAge
	o.DoneAge.Value, o.DoneAge.Set = s.DoneMaxAge, s.IsSet("NATSGRAM_DONE_MAX_AGE") || s.DoneMaxAge != d.DoneMaxAge
	o.FilesAge.Value, o.FilesAge.Set = s.FilesAge, s.IsSet("NATSGRAM_FILES_AGE") || s.FilesAge != d.FilesAge
	o.HistoryAge.Value, o.HistoryAge.Set = s.HistoryAge, s.IsSet("NATSGRAM_HISTORY_MAX_AGE") || s.HistoryAge != d.HistoryAge
	return o, nil
}
