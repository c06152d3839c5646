//go:build amd64 && !noasm

package kernel

//go:generate go run ./gen/vector -out gen_vector_amd64.s -stubs gen_vector_amd64.go -pkg kernel

var vectorsAVX512 = vectors{
	activate: [activations]func(out, x []float32){
		GELUTanh: geluTanhAVX512, GELUErf: geluErfAVX512, ReLU: reluAVX512,
		SquaredReLU: squaredReLUAVX512, SiLU: siluAVX512, QuickGELU: quickGELUAVX512,
	},
	activateGrad: [activations]func(dx, x, dy []float32){
		GELUTanh: geluTanhGradAVX512, GELUErf: geluErfGradAVX512, ReLU: reluGradAVX512,
		SquaredReLU: squaredReLUGradAVX512, SiLU: siluGradAVX512, QuickGELU: quickGELUGradAVX512,
	},
	maximum:        maximumAVX512,
	sum:            sumAVX512,
	dot:            dotAVX512,
	sumExp:         sumExpAVX512,
	expSum:         expSumAVX512,
	expScale:       expScaleAVX512,
	softCap:        softCapAVX512,
	softCapSlope:   softCapSlopeAVX512,
	softCapGrad:    softCapGradAVX512,
	softmaxGrad:    softmaxGradAVX512,
	logSoftmax:     logSoftmaxAVX512,
	logSoftmaxGrad: logSoftmaxGradAVX512,

	sigmoid:     sigmoidAVX512,
	sigmoidGrad: sigmoidGradAVX512,

	add:     addAVX512,
	mul:     mulAVX512,
	axpy:    axpyAVX512,
	scale:   scaleAVX512,
	sumRows: sumRowsAVX512,

	squares:        squaresAVX512,
	normalize:      normalizeAVX512,
	normSums:       normSumsAVX512,
	normGrad:       normGradAVX512,
	normGradParams: normGradParamsAVX512,

	turnHalves:    turnHalvesAVX512,
	turnNeighbors: turnNeighborsAVX512,

	dropout:    dropoutAVX512,
	adamW:      func(c *AdamW, w, g, m, v []float32) { adamWAVX512(&c.Clip, w, g, m, v) },
	sumSquares: sumSquaresAVX512,
}

var vectorsAVX2 = vectors{
	activate: [activations]func(out, x []float32){
		GELUTanh: geluTanhAVX2, GELUErf: geluErfAVX2, ReLU: reluAVX2,
		SquaredReLU: squaredReLUAVX2, SiLU: siluAVX2, QuickGELU: quickGELUAVX2,
	},
	activateGrad: [activations]func(dx, x, dy []float32){
		GELUTanh: geluTanhGradAVX2, GELUErf: geluErfGradAVX2, ReLU: reluGradAVX2,
		SquaredReLU: squaredReLUGradAVX2, SiLU: siluGradAVX2, QuickGELU: quickGELUGradAVX2,
	},
	maximum:        maximumAVX2,
	sum:            sumAVX2,
	dot:            dotAVX2,
	sumExp:         sumExpAVX2,
	expSum:         expSumAVX2,
	expScale:       expScaleAVX2,
	softCap:        softCapAVX2,
	softCapSlope:   softCapSlopeAVX2,
	softCapGrad:    softCapGradAVX2,
	softmaxGrad:    softmaxGradAVX2,
	logSoftmax:     logSoftmaxAVX2,
	logSoftmaxGrad: logSoftmaxGradAVX2,

	sigmoid:     sigmoidAVX2,
	sigmoidGrad: sigmoidGradAVX2,

	add:     addAVX2,
	mul:     mulAVX2,
	axpy:    axpyAVX2,
	scale:   scaleAVX2,
	sumRows: sumRowsAVX2,

	squares:        squaresAVX2,
	normalize:      normalizeAVX2,
	normSums:       normSumsAVX2,
	normGrad:       normGradAVX2,
	normGradParams: normGradParamsAVX2,

	turnHalves:    turnHalvesAVX2,
	turnNeighbors: turnNeighborsAVX2,

	dropout:    dropoutAVX2,
	adamW:      func(c *AdamW, w, g, m, v []float32) { adamWAVX2(&c.Clip, w, g, m, v) },
	sumSquares: sumSquaresAVX2,
}
