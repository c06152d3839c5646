package main

import (
	"testing"
	"testing/fstest"
)

// TestMemoryOf: the machine's memory, or what the control groups around the process leave of
// it, on files as Linux writes them.
func TestMemoryOf(t *testing.T) {
	const meminfo = "MemTotal:       16000000 kB\nMemFree:        20471484 kB\nSwapTotal:       1000000 kB\n"
	const machine = 17_000_000 << 10
	const v1 = "5:cpu,cpuacct:/\n4:memory:/docker/0af1\n1:name=systemd:/docker/0af1\n0::/system.slice/containerd.service\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  memoryLimit
	}{
		{"no Linux", nil, memoryLimit{}},
		{"no groups", map[string]string{"proc/meminfo": meminfo}, memoryLimit{machine, false}},
		{"no swap", map[string]string{"proc/meminfo": "MemTotal: 100 kB\n"}, memoryLimit{100 << 10, false}},
		{"of another form", map[string]string{"proc/meminfo": "MemTotal: many\nMemTotal: -5 kB\nSwapTotal: 99999999999999999 kB\n"}, memoryLimit{}},
		{"version 2, a container", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "2147483648\n", "sys/fs/cgroup/memory.swap.max": "0\n",
		}, memoryLimit{2 << 30, true}},
		{"version 2, with swap", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "2147483648\n", "sys/fs/cgroup/memory.swap.max": "max\n",
		}, memoryLimit{2<<30 + 1_000_000<<10, true}},
		{"version 2, no limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user.slice/session-1.scope\n",
			"sys/fs/cgroup/user.slice/memory.max": "max\n", "sys/fs/cgroup/user.slice/session-1.scope/memory.max": "max\n",
		}, memoryLimit{machine, false}},
		{"version 2, a limit further out", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/job.slice/step.scope\n",
			"sys/fs/cgroup/job.slice/memory.max": "1000000000\n", "sys/fs/cgroup/job.slice/memory.swap.max": "0\n",
			"sys/fs/cgroup/job.slice/step.scope/memory.max": "4000000000\n",
		}, memoryLimit{1_000_000_000, true}},
		{"version 1, as the host sees it", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": v1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes":                   "9223372036854771712\n",
			"sys/fs/cgroup/memory/docker/0af1/memory.limit_in_bytes":       "1000000000\n",
			"sys/fs/cgroup/memory/docker/0af1/memory.memsw.limit_in_bytes": "1500000000\n",
		}, memoryLimit{1_500_000_000, true}},
		{"version 1, as the container sees it", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": v1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "1000000000\n",
		}, memoryLimit{1_000_000_000 + 1_000_000<<10, true}},
		{"version 1, no limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": v1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, memoryLimit{machine, false}},
		{"of the processor alone", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu,cpuacct:/\nnot a line\n\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n",
		}, memoryLimit{machine, false}},
	} {
		system := fstest.MapFS{}
		for name, text := range c.files {
			system[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memoryOf(system); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestEnoughOf: the error says whose limit it is.
func TestEnoughOf(t *testing.T) {
	for want, limit := range map[string]memoryLimit{
		"training takes 3 GB of memory, this machine has 2 GB":                   {2e9, false},
		"training takes 3 GB of memory, this process may have 2 GB (its cgroup)": {2e9, true},
		"": {3e9, true},
	} {
		got := ""
		if err := limit.enough("training", 3e9); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", limit, got, want)
		}
	}
	if err := (memoryLimit{}).enough("training", 3e30); err != nil {
		t.Error(err)
	}
}
