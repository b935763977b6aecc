"""The loop of a model that calls tools: it looks around, proposes edits, and mends what is wrong with them."""
