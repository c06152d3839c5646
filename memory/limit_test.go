package memory

import (
	"fmt"
	"testing"
	"testing/fstest"
)

// limits returns the text of /proc/self/limits with two of its lines.
func limits(space, data string) string {
	return fmt.Sprintf("%-25s %-20s %-20s %-10s\n%-25s %-20s %-20s %-10s\n%-25s %-20s %-20s %-10s\n",
		"Limit", "Soft Limit", "Hard Limit", "Units", "Max data size", data, "unlimited", "bytes", "Max address space", space, "unlimited", "bytes")
}

// TestLimitOf: the limit is the machine's memory, or what the process's control groups and setrlimit leave of
// it, read from files like Linux's.
func TestLimitOf(t *testing.T) {
	const meminfo = "MemTotal:       16000000 kB\nMemFree:        20471484 kB\nSwapTotal:       1000000 kB\n"
	const machine = 17_000_000 << 10
	const status = "Name:\tgorgpt\nVmPeak:\t 1400000 kB\nVmSize:\t 1300000 kB\nVmData:\t  100000 kB\n"
	const v1 = "5:cpu,cpuacct:/\n4:memory:/docker/0af1\n1:name=systemd:/docker/0af1\n0::/system.slice/containerd.service\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Limit
	}{
		{"no Linux", nil, Limit{}},
		{"no groups", map[string]string{"proc/meminfo": meminfo}, Limit{machine, ""}},
		{"no swap", map[string]string{"proc/meminfo": "MemTotal: 100 kB\n"}, Limit{100 << 10, ""}},
		{"of another form", map[string]string{"proc/meminfo": "MemTotal: many\nMemTotal: -5 kB\nSwapTotal: 99999999999999999 kB\n"}, Limit{}},
		{"version 2, a container", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "2147483648\n", "sys/fs/cgroup/memory.swap.max": "0\n",
		}, Limit{2 << 30, "its cgroup"}},
		{"version 2, with swap", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "2147483648\n", "sys/fs/cgroup/memory.swap.max": "max\n",
		}, Limit{2<<30 + 1_000_000<<10, "its cgroup"}},
		{"version 2, no limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user.slice/session-1.scope\n",
			"sys/fs/cgroup/user.slice/memory.max": "max\n", "sys/fs/cgroup/user.slice/session-1.scope/memory.max": "max\n",
		}, Limit{machine, ""}},
		{"version 2, a limit further out", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/job.slice/step.scope\n",
			"sys/fs/cgroup/job.slice/memory.max": "1000000000\n", "sys/fs/cgroup/job.slice/memory.swap.max": "0\n",
			"sys/fs/cgroup/job.slice/step.scope/memory.max": "4000000000\n",
		}, Limit{1_000_000_000, "its cgroup"}},
		{"version 1, as the host sees it", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": v1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes":                   "9223372036854771712\n",
			"sys/fs/cgroup/memory/docker/0af1/memory.limit_in_bytes":       "1000000000\n",
			"sys/fs/cgroup/memory/docker/0af1/memory.memsw.limit_in_bytes": "1500000000\n",
		}, Limit{1_500_000_000, "its cgroup"}},
		{"version 1, as the container sees it", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": v1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "1000000000\n",
		}, Limit{1_000_000_000 + 1_000_000<<10, "its cgroup"}},
		{"version 1, no limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": v1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, Limit{machine, ""}},
		{"of the processor alone", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu,cpuacct:/\nnot a line\n\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n",
		}, Limit{machine, ""}},
		{"ulimit -v", map[string]string{"proc/meminfo": meminfo, "proc/self/limits": limits("4000000000", "unlimited"), "proc/self/status": status},
			Limit{4_000_000_000 - 1_300_000<<10, "its address space limit, ulimit -v"}},
		{"ulimit -d", map[string]string{"proc/meminfo": meminfo, "proc/self/limits": limits("unlimited", "3000000000"), "proc/self/status": status},
			Limit{3_000_000_000 - 100_000<<10, "its data size limit, ulimit -d"}},
		{"both, the first is less", map[string]string{"proc/meminfo": meminfo, "proc/self/limits": limits("3000000000", "3000000000"), "proc/self/status": status},
			Limit{3_000_000_000 - 1_300_000<<10, "its address space limit, ulimit -v"}},
		{"ulimit -v, and a group allows less", map[string]string{
			"proc/meminfo": meminfo, "proc/self/limits": limits("4000000000", "unlimited"), "proc/self/status": status, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "1000000000\n", "sys/fs/cgroup/memory.swap.max": "0\n",
		}, Limit{1_000_000_000, "its cgroup"}},
		{"no limits", map[string]string{"proc/meminfo": meminfo, "proc/self/limits": limits("unlimited", "unlimited"), "proc/self/status": status}, Limit{machine, ""}},
		{"a limit, and what is taken is not told", map[string]string{"proc/meminfo": meminfo, "proc/self/limits": limits("4000000000", "unlimited")},
			Limit{4_000_000_000, "its address space limit, ulimit -v"}},
	} {
		system := fstest.MapFS{}
		for name, text := range c.files {
			system[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := limitOf(system); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestCheck: the error says which limit is exceeded.
func TestCheck(t *testing.T) {
	for want, limit := range map[string]Limit{
		"training takes 3 GB of memory, but this machine has only 2 GB":                                          {2e9, ""},
		"training takes 3 GB of memory, but this process may use only 2 GB (its cgroup)":                         {2e9, "its cgroup"},
		"training takes 3 GB of memory, but this process may use only 2 GB (its address space limit, ulimit -v)": {2e9, "its address space limit, ulimit -v"},
		"": {3e9, "its cgroup"},
	} {
		got := ""
		if err := limit.Check("training", 3e9); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", limit, got, want)
		}
	}
	if err := (Limit{}).Check("training", 3e30); err != nil {
		t.Error(err)
	}
}
