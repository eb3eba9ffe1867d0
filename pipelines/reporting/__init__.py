"""The report in its forms: JSON with a schema, one HTML page with pictures, JUnit XML."""
