"""What a person is best asked next about a library: who is one, who is out of place."""
