package plan_test

import (
	"fmt"

	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/plan"
)

func ExampleParametersOf() {
	m, err := models.Find("gpt3-175b")
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := plan.ParametersOf(m)
	fmt.Println(p.Total, p.Rest, err)
	// Output: 174604259328 173961535488 <nil>
}
