package checkpoint

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/memfs"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// ggufForm is the form of llama.cpp's files, which hold everything.
var ggufForm = Form{Kind: "GGUF file of llama.cpp", Is: isFile(gguf.IsFile), Weights: openGGUF, Config: ggufConfig, Files: ggufFiles, Alone: true}

// ggufConfig makes a config.json from a file's metadata.
func ggufConfig(path string) ([]byte, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	config, err := configOfGGUF(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

// configOfGGUF returns the family's config.json with the tokens that begin and end a text added.
func configOfGGUF(f *gguf.File) ([]byte, error) {
	config, err := family.FromGGUF(f)
	if err != nil {
		return nil, err
	}
	generation, err := generationOfGGUF(f.Meta())
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	for _, text := range [][]byte{generation, config} {
		if err := json.Unmarshal(text, &all); err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

// endKeys are the keys of the tokens that end a text, a turn, or a message to a tool.
var endKeys = [GGUFEnds]string{"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}

// generationOfGGUF makes a generation_config.json from metadata.
func generationOfGGUF(meta gguf.Meta) ([]byte, error) {
	all := make(map[string]any)
	begin, err := meta.Int("tokenizer.ggml.bos_token_id", -1)
	if err != nil {
		return nil, err
	}
	if begin >= 0 {
		all["bos_token_id"] = begin
	}
	ends, err := endsOfGGUF(meta)
	if err != nil {
		return nil, err
	}
	if ends != nil {
		all["eos_token_id"] = ends
	}
	suppressed, err := meta.Ints(ggufTokenizer + "suppress_tokens")
	if err != nil {
		return nil, err
	}
	if suppressed != nil { // not applied, but reported by Unheeded
		all["suppress_tokens"] = suppressed
	}
	return json.Marshal(all)
}

// endTexts are control tokens that end a text even if no key names them, since converters do not write all of
// the keys. The list is that of llama.cpp's vocabulary.
var endTexts = []string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
	"<|end_of_text|>", "<end_of_utterance>", "<｜end▁of▁sentence｜>",
}

// endsOfGGUF returns the tokens that end a text: those named by keys, then those in endTexts. In harmony's
// vocabulary, <|end|> ends a message and not a text.
func endsOfGGUF(meta gguf.Meta) (ends []int, err error) {
	add := func(id int) {
		if id >= 0 && !slices.Contains(ends, id) {
			ends = append(ends, id)
		}
	}
	for _, key := range endKeys {
		id, err := meta.Int(key, -1)
		if err != nil {
			return nil, err
		}
		add(id)
	}
	r := &tokenizerMeta{Meta: meta}
	tokens, _, types := r.lists()
	if r.err != nil || len(types) != len(tokens) {
		return ends, nil // opening the tokenizer reports this
	}
	isHarmony := slices.Contains(tokens, "<|return|>") && slices.Contains(tokens, "<|call|>")
	for id, text := range tokens {
		if types[id] == tokenizer.ControlPiece && slices.Contains(endTexts, text) && !(isHarmony && text == "<|end|>") {
			add(id)
		}
	}
	return ends, nil
}

// ggufFS holds the files that are derived from metadata. Those of the tokenizer are made when one of them is
// opened, and only then are their errors reported.
type ggufFS struct {
	plain memfs.FS
	made  func() (memfs.FS, error)
}

// Open implements [fs.FS].
func (f ggufFS) Open(name string) (fs.File, error) {
	if name != "tokenizer.json" && name != "tokenizer_config.json" {
		return f.plain.Open(name)
	}
	files, err := f.made()
	if err != nil {
		return nil, &fs.PathError{Op: "make", Path: name, Err: err}
	}
	return files.Open(name)
}

// ggufFiles returns the files that are derived from a file's metadata.
func ggufFiles(path string) (fs.FS, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	meta := f.Meta()
	if err := f.Close(); err != nil {
		return nil, err
	}
	generation, err := generationOfGGUF(meta)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ggufFS{
		memfs.FS{generationName: generation},
		sync.OnceValues(func() (memfs.FS, error) { return tokenizerOfGGUF(meta) }),
	}, nil
}

// openGGUF opens the weights, with the names and the order of rows of the family's parameters.
func openGGUF(path string) (weights.Source, error) { return opened(openGGUFParams(path)) }

func openGGUFParams(path string) (*ggufParams, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	src, err := ggufSource(f)
	if err != nil {
		f.Close() // only read from: nothing to lose
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return src, nil
}

func ggufSource(f *gguf.File) (*ggufParams, error) {
	config, err := family.FromGGUF(f)
	if err != nil {
		return nil, err
	}
	m, err := models.ParseUnedited(config)
	if err != nil {
		return nil, err
	}
	of, err := family.Of(m)
	if err != nil {
		return nil, err
	}
	p := &ggufParams{file: f, index: make(map[string]ggufParam)}
	param := of.GGUF.Params()
	for _, info := range f.Tensors() {
		if slices.Contains(of.GGUF.Extra, info.Name) {
			continue
		}
		from := ggufParam{stored: info}
		name, stem := param(info.Name)
		if name != "" {
			from.swapped = len(info.Shape) == 2 && slices.Contains(of.GGUF.Swapped, stem)
			if of.GGUF.Pairs != nil {
				from.heads = of.GGUF.Pairs(m, stem)
			}
			info.Name = name
		}
		if rows := from.heads * 2; rows > 0 && (len(info.Shape) == 0 || info.Shape[0]%rows != 0) {
			return nil, fmt.Errorf("%s is %s, want an even number of rows for each of %d heads", weights.Show(from.stored.Name), weights.ShapeText(info.Shape), from.heads)
		}
		if from.swapped {
			info.Shape = weights.Swapped(info.Shape)
		}
		p.infos = append(p.infos, info)
		p.index[info.Name] = from
	}
	return p, nil
}

// ggufParams is a [weights.Source] of parameters.
type ggufParams struct {
	file  *gguf.File
	infos []weights.Info
	index map[string]ggufParam
}

// ggufParam is the tensor that holds a parameter, and its layout.
type ggufParam struct {
	stored  weights.Info
	swapped bool // (out, in) in place of (in, out)
	heads   int  // number of heads whose rows are in pairs, 0 if they are not
}

func (p *ggufParams) Name() string            { return p.file.Name() }
func (p *ggufParams) Tensors() []weights.Info { return p.infos }
func (p *ggufParams) Close() error            { return p.file.Close() }

// Read implements [weights.Source].
func (p *ggufParams) Read(name string, dst []float32) error {
	from, ok := p.index[name]
	if !ok {
		return fmt.Errorf("%s: no tensor %s", p.Name(), weights.Show(name))
	}
	if !from.swapped && from.heads == 0 {
		return p.file.Read(from.stored.Name, dst)
	}
	stored := make([]float32, len(dst))
	if err := p.file.Read(from.stored.Name, stored); err != nil {
		return err
	}
	if from.swapped {
		weights.Transpose(dst, stored, weights.Swapped(from.stored.Shape))
	} else {
		weights.Halves(dst, stored, from.heads, len(dst)/from.stored.Shape[0])
	}
	return nil
}

// Pack implements [weights.Packer].
func (p *ggufParams) Pack(name string) (*kernel.Packed, bool, error) {
	from, ok := p.index[name]
	if !ok {
		return nil, false, nil
	}
	m, _, err := p.file.Pack(from.stored.Name)
	if m != nil && from.heads > 0 {
		m, err = turnRows(m, from.heads, weights.Halves)
	}
	return m, from.swapped, err
}

// turnRows returns a matrix with its rows reordered. order reorders a matrix of plain numbers, which here is
// one column of row numbers.
func turnRows(m *kernel.Packed, heads int, order func(dst, src []float32, heads, cols int)) (*kernel.Packed, error) {
	to, err := kernel.NewPacked(m.Format, m.Rows, m.Cols)
	if err != nil {
		return nil, err
	}
	from, rows := make([]float32, m.Rows), make([]float32, m.Rows)
	for i := range from {
		from[i] = float32(i)
	}
	order(rows, from, heads, 1)
	for i, row := range rows {
		dst, src := to.Part(i, 1), m.Part(int(row), 1)
		copy(dst.Codes, src.Codes)
		copy(dst.Scales, src.Scales)
		copy(dst.Offsets, src.Offsets)
	}
	return to, nil
}

// Map implements [weights.Mapper], for tensors with the parameter's layout.
func (p *ggufParams) Map(name string) []float32 {
	if from := p.index[name]; !from.swapped && from.heads == 0 {
		return p.file.Map(from.stored.Name)
	}
	return nil
}
