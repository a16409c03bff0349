// Command nothing is what the others are compared with: the standard library alone.
package main

import (
	"context"
	"fmt"
)

func main() { fmt.Println(context.Background().Err()) }
