"""What a person does with a source: try it, check it, take it in, judge its quality."""
