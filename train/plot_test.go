package train

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestPlot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "loss.png")
	p := NewPlot(path)
	if err := p.Draw(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a plot without points wrote a file (%v)", err)
	}
	broken := NewPlot(path) // the loss is at fault, not the picture
	if err := broken.OnEvaluation(Evaluation{Loss: math.NaN()}); err != nil {
		t.Errorf("a plot without a finite point: %v", err)
	}
	noise := uint32(1)
	for i := range 2001 {
		loss := 1.6 + 2.5*math.Exp(-float64(i)/200)
		if i%500 == 0 {
			if err := p.OnEvaluation(Evaluation{Step: i, Loss: loss + 0.1}); err != nil {
				t.Fatal(err)
			}
		}
		noise = noise*1664525 + 1013904223 // Numerical Recipes' generator
		loss += (float64(noise)/(1<<32) - 0.5) / 3
		if i == 700 {
			loss = math.NaN() // points that are not finite are left out
		}
		if err := p.OnStep(Step{Step: i + 1, Loss: loss}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Draw(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != 900 || b.Dy() != 600 {
		t.Errorf("the picture is %d×%d, want 900×600", b.Dx(), b.Dy())
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files are left, want loss.png alone", len(files))
	}
	if keep := os.Getenv("GORGPT_PLOT"); keep != "" { // to look at
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(keep, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
