"""The motion that ships: lips follow loudness, voicing and spectrum."""
