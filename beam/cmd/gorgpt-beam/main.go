// Command gorgpt-beam runs gorgpt pack on Apache Beam; see its -h and package beam.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners"

	packing "github.com/gorgpt/gorgpt/beam"
	_ "github.com/gorgpt/gorgpt/cloud" // s3: and gs:
	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/tokenizer"
)

const about = `Encode a corpus into token shards on Apache Beam: the files of gorgpt pack, to the byte.

  gorgpt-beam -tokenizer gpt2 -out s3://bucket/packed s3://bucket/texts/*.jsonl
  gorgpt-beam -runner flink -endpoint flink-jobs:8099 -environment_type EXTERNAL -environment_config localhost:50000 …
  gorgpt-beam -runner dataflow -project P -region R -staging_location gs://bucket/tmp -out gs://bucket/packed gs://bucket/texts

SRC is what gorgpt pack takes, in a place that all workers see, as -out is. Without -runner, it is Prism, inside this
process: for trying out. Prism listens on all interfaces, and asks nobody who he is: use it in a closed network. The
program is sent to workers as it is; build it with CGO_ENABLED=0.

Standard output: pack.json.

`

func main() {
	var j packing.Job
	flag.StringVar(&j.Tokenizer, "tokenizer", "gpt2", tokenizer.Names)
	flag.BoolVar(&j.Special, "special", false, "special tokens that are written in the text become their ids")
	flag.StringVar(&j.Out, "out", "", "folder or URL for the shards; new")
	flag.Float64Var(&j.Corpus.Validation, "validation", 0.1, "share of the text for val_*.bin (0: none)")
	flag.StringVar(&j.Corpus.ValData, "val-data", "", "text for val_*.bin, in place of a share")
	flag.StringVar(&j.Corpus.Field, "field", "text", "field of JSON lines, or column of Parquet files, that holds the text")
	flag.StringVar(&j.Corpus.BadRecords, "bad-records", "error", "error, or skip to leave out what cannot be read")
	flag.IntVar(&j.ShardTokens, "shard-tokens", 100_000_000, "tokens of a shard")
	flag.Int64Var(&j.ItemBytes, "item-bytes", 32<<20, "about how much text an element of the pipeline is")
	flag.Usage = usage
	flag.Parse()
	beam.Init() // in a worker, this does not return
	quiet()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, j))
}

// quiet limits the library's log, which reports on each worker, to warnings. It silences Prism, whose stack traces repeat
// the errors reported here.
func quiet() {
	log.SetupLogging("warn", "text")
	if r := *runners.Runner; r == "" || r == "prism" {
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
}

// own are the names of the flags that are not Beam's.
var own = []string{"tokenizer", "special", "out", "validation", "val-data", "field", "bad-records", "shard-tokens", "item-bytes"}

// usage prints the flags, those of gorgpt-beam first.
func usage() {
	w := flag.CommandLine.Output()
	fmt.Fprint(w, "gorgpt-beam [flags] -out DIR SRC\n\n", about)
	ours, beams := flag.NewFlagSet("", flag.ContinueOnError), flag.NewFlagSet("", flag.ContinueOnError)
	flag.VisitAll(func(f *flag.Flag) {
		set := beams
		if slices.Contains(own, f.Name) {
			set = ours
		}
		set.Var(f.Value, f.Name, f.Usage)
	})
	ours.SetOutput(w)
	beams.SetOutput(w)
	ours.PrintDefaults()
	fmt.Fprint(w, "\nBeam's:\n")
	beams.PrintDefaults()
}

// run packs the corpus and returns the exit status.
func run(ctx context.Context, j packing.Job) int {
	fail := func(status int, err any) int {
		fmt.Fprintln(os.Stderr, "gorgpt-beam:", err)
		return status
	}
	switch {
	case flag.NArg() != 1:
		return fail(2, fmt.Sprintf("want one SRC, got %d arguments; see -h", flag.NArg()))
	case j.Out == "":
		return fail(2, "-out is missing: the folder for the shards")
	case !(j.Corpus.Validation >= 0 && j.Corpus.Validation < 1):
		return fail(2, fmt.Sprintf("-validation %v: want a share from 0 to below 1", j.Corpus.Validation))
	case !slices.Contains(corpus.BadRecords, j.Corpus.BadRecords):
		return fail(2, fmt.Sprintf("-bad-records %s: want one of %s", j.Corpus.BadRecords, strings.Join(corpus.BadRecords, ", ")))
	}
	if err := tokenizer.CheckName(j.Tokenizer); err != nil {
		return fail(2, err)
	}
	j.Corpus.Data = flag.Arg(0)
	if f := flag.Lookup("worker_binary"); f != nil && f.Value.String() == "" {
		// Otherwise the library would build the sources with Go, if it finds them.
		if self, err := os.Executable(); err == nil {
			f.Value.Set(self)
		}
	}
	x, err := packing.Pack(ctx, j)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(x)
	}
	if err != nil {
		return fail(1, err)
	}
	return 0
}
