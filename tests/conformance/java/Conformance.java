// HAPI's instance validator on files, for `make conformance`. Reads from standard input, tab-separated:
//   SET <name> <package.tgz> ...       what the following files are validated with, on top of R4 itself
//   FILE <path> <profile url or ->     one resource
// and writes one JSON line per file: {"set", "file", "profile", "issues": [{"severity", "path", "id", "text"}]}.

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

public class Conformance {
  private static final Set<String> KINDS = Set.of("StructureDefinition", "ValueSet", "CodeSystem");
  private static final FhirContext FHIR = FhirContext.forR4();
  private static final Gson GSON = new Gson();

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    FhirValidator validator = null;
    String set = "";
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split("\t");
      if (words[0].equals("SET")) {
        set = words[1];
        validator = validatorOf(words);
      } else {
        out.println(GSON.toJson(validated(validator, set, words[1], words[2])));
      }
    }
  }

  private static FhirValidator validatorOf(String[] words) throws Exception {
    PrePopulatedValidationSupport given = new PrePopulatedValidationSupport(FHIR);
    for (int i = 2; i < words.length; i++) {
      addPackage(given, Path.of(words[i]));
    }
    UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(FHIR);
    unknown.setNonExistentCodeSystemSeverity(IValidationSupport.IssueSeverity.WARNING);
    ValidationSupportChain chain = new ValidationSupportChain(
        new DefaultProfileValidationSupport(FHIR), given, new CommonCodeSystemsTerminologyService(FHIR),
        new InMemoryTerminologyServerValidationSupport(FHIR), new SnapshotGeneratingValidationSupport(FHIR), unknown);
    FhirInstanceValidator instance = new FhirInstanceValidator(chain);
    instance.setAnyExtensionsAllowed(true);
    instance.setErrorForUnknownProfiles(false);
    FhirValidator validator = FHIR.newValidator();
    validator.registerValidatorModule(instance);
    return validator;
  }

  private static void addPackage(PrePopulatedValidationSupport given, Path path) throws Exception {
    List<JsonObject> found = new ArrayList<>();
    String version = "";
    try (TarArchiveInputStream tar = new TarArchiveInputStream(new GzipCompressorInputStream(
        new ByteArrayInputStream(Files.readAllBytes(path)), true))) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        String name = entry.getName();
        if (name.endsWith(".json") && !name.contains("/.")) {
          JsonObject content = GSON.fromJson(new String(tar.readAllBytes(), StandardCharsets.UTF_8), JsonObject.class);
          if (name.equals("package/package.json")) {
            version = content.get("version").getAsString();
          } else if (content.has("resourceType") && KINDS.contains(content.get("resourceType").getAsString())) {
            found.add(content);
          }
        }
      }
    }
    for (JsonObject each : found) {
      // A definition without a version of its own has that of its package.
      if (!each.has("version")) {
        each.addProperty("version", version);
      }
      given.addResource(FHIR.newJsonParser().parseResource(GSON.toJson(each)));
    }
  }

  private static JsonObject validated(FhirValidator validator, String set, String file, String profile)
      throws Exception {
    ValidationOptions options = new ValidationOptions();
    if (!profile.equals("-")) {
      options.addProfile(profile);
    }
    JsonObject result = new JsonObject();
    result.addProperty("set", set);
    result.addProperty("file", file);
    result.addProperty("profile", profile);
    JsonArray issues = new JsonArray();
    try {
      for (SingleValidationMessage each : validator.validateWithResult(Files.readString(Path.of(file)), options)
          .getMessages()) {
        if (each.getSeverity() != ResultSeverityEnum.INFORMATION) {
          issues.add(issue(each.getSeverity().getCode(), each.getLocationString(), each.getMessageId(),
              each.getMessage()));
        }
      }
    } catch (RuntimeException error) {
      issues.add(issue("fatal", "", error.getClass().getSimpleName(), String.valueOf(error.getMessage())));
    }
    result.add("issues", issues);
    return result;
  }

  private static JsonObject issue(String severity, String path, String id, String text) {
    JsonObject made = new JsonObject();
    made.addProperty("severity", severity);
    made.addProperty("path", path);
    made.addProperty("id", id);
    made.addProperty("text", text);
    return made;
  }
}
