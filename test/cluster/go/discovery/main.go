// Command discovery finds targets with Prometheus's own Kubernetes service discovery and writes them to a file for
// file_sd_configs: Debian's Prometheus is built without that discovery.
//
//	discovery KUBERNETES_SD_CONFIG OUTPUT
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sort"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v2"
)

// fileGroup is a static target group as file_sd_configs reads it.
type fileGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: discovery KUBERNETES_SD_CONFIG OUTPUT"))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		fail(err)
	}
}

func run(ctx context.Context, input, output string) error {
	text, err := os.ReadFile(input)
	if err != nil {
		return err
	}
	config := kubernetes.DefaultSDConfig
	if err := yaml.UnmarshalStrict(text, &config); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	metrics := config.NewDiscovererMetrics(registry, discovery.NewRefreshMetrics(registry))
	discoverer, err := config.NewDiscoverer(discovery.DiscovererOptions{
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Metrics: metrics,
	})
	if err != nil {
		return err
	}
	updates := make(chan []*targetgroup.Group)
	go discoverer.Run(ctx, updates)
	groups := map[string]*targetgroup.Group{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case changed := <-updates:
			for _, group := range changed {
				groups[group.Source] = group
			}
			if err := write(output, groups); err != nil {
				return err
			}
		}
	}
}

// write replaces the file as a whole: a reader never sees half of it.
func write(output string, groups map[string]*targetgroup.Group) error {
	sources := make([]string, 0, len(groups))
	for source := range groups {
		sources = append(sources, source)
	}
	sort.Strings(sources)
	result := []fileGroup{}
	for _, source := range sources {
		group := groups[source]
		for _, target := range group.Targets {
			labels := map[string]string{}
			for name, value := range group.Labels.Merge(target) {
				labels[string(name)] = string(value)
			}
			address := labels[model.AddressLabel]
			delete(labels, model.AddressLabel)
			result = append(result, fileGroup{Targets: []string{address}, Labels: labels})
		}
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	partial := output + ".partial"
	if err := os.WriteFile(partial, text, 0o600); err != nil {
		return err
	}
	return os.Rename(partial, output)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "discovery:", err)
	os.Exit(1)
}
