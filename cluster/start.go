package cluster

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"time"
)

// Start describes a job to be written down for a launcher: see [Start.Text].
type Start struct {
	How     string        // one of [Hows]
	Family  string        // of MPI libraries: openmpi or mpich
	Ranks   int           // 1 or more
	Cores   int           // per rank
	Limit   time.Duration // time limit of the job
	Image   string        // for Kubernetes, with gorgpt and MPI in it
	Name    string        // of the job
	Command []string      // run by each rank, starting with gorgpt
}

// Hows returns the ways of starting a job that [Start.Text] supports.
func Hows() []string { return []string{"mpirun", "srun", "mpijob"} }

// dnsName matches job names that Kubernetes accepts, with room for the suffix of the job's last
// pod.
var dnsName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,45}[a-z0-9])?$`)

// Text returns the command, Slurm script or manifest that starts the job, with the options it needs
// to end properly.
func (s Start) Text() (string, error) {
	switch {
	case s.Ranks < 1 || s.Cores < 1:
		return "", fmt.Errorf("cluster: %d ranks of %d cores, want 1 or more of each", s.Ranks, s.Cores)
	case s.Limit < time.Minute:
		return "", fmt.Errorf("cluster: a limit of %v, want a minute or more", s.Limit)
	case !dnsName.MatchString(s.Name):
		return "", fmt.Errorf("cluster: %q is not a valid job name: want lower-case letters, digits and -, a letter first", s.Name)
	case len(s.Command) == 0:
		return "", fmt.Errorf("cluster: no command to start")
	case s.How == "mpijob" && s.Image == "":
		return "", fmt.Errorf("cluster: a job on Kubernetes needs an image, with gorgpt and MPI in it")
	}
	text, ok := starts[s.How+" "+s.Family]
	if !ok {
		return "", fmt.Errorf("cluster: cannot start %s with %s", s.Family, s.How)
	}
	var b strings.Builder
	t, err := template.New(s.How).Funcs(template.FuncMap{"json": quoteJSON}).Parse(text)
	if err == nil {
		err = t.Execute(&b, s)
	}
	return b.String(), err
}

// Line returns the command quoted for a shell.
func (s Start) Line() string {
	var quoted []string
	for _, arg := range s.Command {
		if !plain.MatchString(arg) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		quoted = append(quoted, arg)
	}
	return strings.Join(quoted, " ")
}

var plain = regexp.MustCompile(`^[-A-Za-z0-9_./:=,+%@]+$`)

// quoteJSON quotes a text for YAML, of which JSON is a subset.
func quoteJSON(text string) (string, error) {
	quoted, err := json.Marshal(text)
	return string(quoted), err
}

// Seconds returns the time limit in seconds.
func (s Start) Seconds() int { return int(s.Limit.Seconds()) }

// Clock returns the time limit in Slurm's format.
func (s Start) Clock() string {
	seconds := s.Seconds()
	return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

// starts are the templates, which docs/cluster.md explains.
var starts = map[string]string{
	"mpirun openmpi": `# To stop at a point where the run can be resumed: kill -USR1 mpirun's process. Several machines: --hostfile FILE, and --mca btl_tcp_if_include SUBNET where they have several networks.
timeout -s USR1 -k 600 {{.Seconds}} mpirun -n {{.Ranks}} --map-by slot:PE={{.Cores}} --bind-to core -x GOMAXPROCS={{.Cores}} \
  --mca oob_tcp_keepalive_time 30 --mca oob_tcp_keepalive_intvl 5 --mca oob_tcp_keepalive_probes 6 \
  {{.Line}}
`,
	"mpirun mpich": `# To stop at a point where the run can be resumed: kill -USR1 mpiexec's process. Several machines: -f FILE with their names.
timeout -s USR1 -k 600 {{.Seconds}} mpiexec -n {{.Ranks}} -bind-to core:{{.Cores}} -env GOMAXPROCS {{.Cores}} \
  {{.Line}}
`,
	"srun openmpi": slurmScript + `srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task={{.Cores}} {{.Line}}
`,
	"srun mpich": slurmScript + `srun --mpi=pmi2 --kill-on-bad-exit=1 --cpus-per-task={{.Cores}} {{.Line}}
`,
	"mpijob openmpi": kubernetesJob,
}

const slurmScript = `#!/bin/sh
# sbatch FILE; to stop at a point where the run can be resumed: scancel -s USR1 JOB, which Slurm does automatically 5 minutes before the limit.
#SBATCH --job-name={{.Name}}
#SBATCH --ntasks={{.Ranks}}
#SBATCH --cpus-per-task={{.Cores}}
#SBATCH --time={{.Clock}}
#SBATCH --signal=USR1@300
export GOMAXPROCS={{.Cores}}
`

// kubernetesJob is for kubeflow's mpi-operator, v2beta1.
const kubernetesJob = `# kubectl apply -f FILE; to stop at a point where the run can be resumed: kubectl delete mpijob {{.Name}}. Add a volume that the pods share, for data and runs.
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata:
  name: {{.Name}}
spec:
  slotsPerWorker: 1
  mpiImplementation: OpenMPI
  launcherCreationPolicy: WaitForWorkersReady
  runPolicy:
    cleanPodPolicy: Running
    activeDeadlineSeconds: {{.Seconds}}
  mpiReplicaSpecs:
    Launcher:
      replicas: 1
      template:
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 600
          containers:
          - name: launcher
            image: {{json .Image}}
            command: ["mpirun", "-n", "{{.Ranks}}", "--bind-to", "none", "--allow-run-as-root", "-x", "GOMAXPROCS={{.Cores}}"{{range .Command}}, {{json .}}{{end}}]
            lifecycle:
              preStop:
                exec:
                  command: ["sh", "-c", "pkill -USR1 -x mpirun; while pgrep -x mpirun; do sleep 1; done"]
    Worker:
      replicas: {{.Ranks}}
      template:
        spec:
          containers:
          - name: worker
            image: {{json .Image}}
            resources:
              limits:
                cpu: {{.Cores}}
`
