"""Reading a live Redis or Valkey: keys listed by SCAN, values by DUMP or by the commands of their types."""
