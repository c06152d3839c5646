package plan_test

import (
	"fmt"

	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/plan"
)

func ExampleOf() {
	m, err := models.Find("gpt3-175b")
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := plan.Of(m, plan.Options{Tokens: 300e9, GPU: "V100", Share: 0.3, Ranks: 1024})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.0f petaflop/s-days, %.0f days on 1,024 of %s\n", p.Run.PFDays, p.GPU.Ranks, p.GPU.Name)
	fmt.Printf("Chinchilla's law: %.1fe12 tokens, and a loss of %.2f after these\n", p.Laws.Chinchilla.Tokens/1e12, p.Laws.Chinchilla.Loss)
	// Output:
	// 3674 petaflop/s-days, 96 days on 1,024 of V100
	// Chinchilla's law: 4.3e12 tokens, and a loss of 2.00 after these
}

func ExampleFindGPU() {
	_, err := plan.FindGPU("h10")
	fmt.Println(err)
	// Output: unknown GPU "h10"; did you mean "H100"?
}
